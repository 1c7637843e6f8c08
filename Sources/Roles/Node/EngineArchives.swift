import LogStore
import ReplicationCore
import RolesCore

// Archives at this node: offers, chunks and questions of others; uploads and downloads of its own.

extension NodeEngine {
  static let archiveTimeout = Duration.seconds(30)

  // MARK: served to others

  mutating func serve(_ offer: ArchiveOffer, as id: UInt64) {
    var answer = ArchiveOfferReply()
    do throws(LogError) {
      answer.missing = try archives.offered(offer.manifest, at: now.nanoseconds)
      outputs.append(.commitSoon(.archives))
    } catch {
      answer.refusal = refusal(error)
      reply(.archiveOfferReply(answer), to: id)
      return
    }
    if answer.missing.isEmpty, !archives.isDurable(offer.manifest.id) {
      archiveNews.await(offer.manifest.id, id)
      return
    }
    answer.durable = answer.missing.isEmpty
    reply(.archiveOfferReply(answer), to: id)
  }

  mutating func serve(_ put: ArchivePut, as id: UInt64) {
    var answer = ArchivePutReply()
    do throws(LogError) {
      guard try archives.put(put.bytes, as: put.index, of: put.id) else {
        answer.refusal = Refusal(.badRecord, "chunk \(put.index) is not what its manifest says")
        reply(.archivePutReply(answer), to: id)
        return
      }
      outputs.append(.commitSoon(.archives))
    } catch {
      answer.refusal = refusal(error)
    }
    reply(.archivePutReply(answer), to: id)
    archivesAdvanced()
  }

  mutating func serve(_ get: ArchiveGet, as id: UInt64) {
    var answer = ArchiveGetReply()
    guard let manifest = archives.manifest(of: get.id), archives.isComplete(get.id) else {
      answer.refusal = Refusal(.notFound, "archive \(get.id) is not held here")
      reply(.archiveGetReply(answer), to: id)
      return
    }
    if get.wantsManifest { answer.manifest = manifest }
    do throws(LogError) {
      if get.index < UInt64(manifest.chunks.count) {
        answer.bytes = try archives.chunk(get.index, of: get.id)
      }
    } catch {
      healIfDamaged(error)
      answer.refusal = Refusal(.notFound, "chunk \(get.index) can't be read here: \(error)")
    }
    reply(.archiveGetReply(answer), to: id)
  }

  private func refusal(_ error: LogError) -> Refusal {
    switch error {
    case .full, .bufferFull: Refusal(.logFull, "\(error)")
    case .poisoned: Refusal(.poisoned, "\(error)")
    default: Refusal(.badRecord, "\(error)")
    }
  }

  // MARK: moved by this node

  mutating func run(_ steps: [TransferStep]) {
    for step in steps { directives.append(.transfer(step)) }
  }

  mutating func carryOut(_ step: TransferStep) {
    switch step {
    case .send(let question, let address, let message):
      send(message, to: address, for: .transfer(question), Self.archiveTimeout)
    case .sendChunk(let question, let address):
      let archive = question.key.archive
      do throws(LogError) {
        let bytes = try archives.chunk(question.chunk ?? 0, of: archive)
        send(
          .archivePut(ArchivePut(id: archive, index: question.chunk ?? 0, bytes: bytes)),
          to: address, for: .transfer(question), Self.archiveTimeout)
      } catch {
        healIfDamaged(error)
        outputs.append(.note("archive \(archive) can't be read for sending: \(error)"))
        events.append(.failure(.transfer(question), "\(error)"))
      }
    case .keepManifest(let manifest): keep(manifest)
    case .keepChunk(let archive, let index, let bytes): keep(bytes, index, archive)
    case .askedInVain(let key):
      archiveNews.look(at: key.archive)
      archivesAdvanced()
    case .done(let key, let ending): ended(key, ending)
    }
  }

  private mutating func keep(_ manifest: ArchiveManifest) {
    do throws(LogError) {
      _ = try archives.offered(manifest, at: now.nanoseconds)
      outputs.append(.commitSoon(.archives))
    } catch {
      outputs.append(.note("archive \(manifest.id) is not stored: \(error)"))
      run(transfers.spoiled(manifest.id, at: now))
    }
  }

  private mutating func keep(_ bytes: [UInt8], _ index: UInt64, _ archive: ArchiveID) {
    do throws(LogError) {
      if try archives.put(bytes, as: index, of: archive) {
        outputs.append(.commitSoon(.archives))
        return
      }
      outputs.append(.note("a chunk of archive \(archive) came spoiled; asking another"))
    } catch {
      outputs.append(.note("archive \(archive) is not stored: \(error)"))
    }
    run(transfers.spoiled(archive, at: now))
  }

  private mutating func ended(_ key: TransferKey, _ end: TransferEnd) {
    let id = key.archive
    switch (key.owner, key.uploads) {
    case (.client, true): events.append(.client(clientEvent(id, end)))
    case (.server, true): events.append(.server(putEvent(id, end)))
    case (.server, false):
      switch end {
      case .completed: events.append(.server(.archiveFetched(id)))
      case .absent: events.append(.server(.archiveUnavailable(id, isAbsent: true)))
      case .failed: events.append(.server(.archiveUnavailable(id, isAbsent: false)))
      }
    case (.client, false), (.coordinator, _): archivesAdvanced()
    }
  }

  private func clientEvent(_ id: ArchiveID, _ end: TransferEnd) -> Client.Event {
    switch end {
    case .completed: .archiveStored(id)
    case .absent: .archiveFailed(id, reason: "it is not held here any more")
    case .failed(let reason): .archiveFailed(id, reason: reason)
    }
  }

  private func putEvent(_ id: ArchiveID, _ end: TransferEnd) -> Server.Event {
    switch end {
    case .completed: .archiveStored(id)
    case .absent: .archiveNotStored(id, reason: "it is not held here any more")
    case .failed(let reason): .archiveNotStored(id, reason: reason)
    }
  }

  /// A client's or server's archive goes to its coordinator, which may be this very process.
  mutating func put(_ id: ArchiveID, to address: String, for owner: TransferOwner) {
    let key = TransferKey(owner: owner, archive: id, uploads: true)
    guard let manifest = archives.manifest(of: id), archives.isComplete(id) else {
      outputs.append(.note("archive \(id) is to be sent, but is not held here"))
      ended(key, .absent)
      return
    }
    if isLocal(address) {
      archiveNews.await(id, for: owner)
      archivesAdvanced()
    } else {
      run(transfers.upload(manifest, to: address, for: owner))
    }
  }

  mutating func fetch(_ id: ArchiveID, from address: String, for owner: TransferOwner) {
    let key = TransferKey(owner: owner, archive: id, uploads: false)
    if archives.isComplete(id) {
      ended(key, .completed)
    } else if isLocal(address) {
      needArchive(id)
      run(transfers.download(id, from: otherCoordinators, for: owner, givesUp: true))
    } else {
      run(transfers.download(id, from: [address], for: owner, givesUp: true))
    }
  }

  // MARK: for the coordinator core

  private var otherCoordinators: [String] {
    (replicator?.coordinatorAddresses ?? []).filter { !isLocal($0) }
  }

  mutating func needArchive(_ id: ArchiveID) {
    guard archiveNews.watch(id) else { return }
    if !archives.isComplete(id), !otherCoordinators.isEmpty {
      run(transfers.download(id, from: otherCoordinators, for: .coordinator, givesUp: false))
    }
    archivesAdvanced()
  }

  /// Whoever was met since may have what is missing.
  mutating func seekArchives() {
    guard !otherCoordinators.isEmpty else { return }
    for id in archiveNews.missing {
      run(transfers.download(id, from: otherCoordinators, for: .coordinator, givesUp: false))
    }
  }

  private func state(of id: ArchiveID) -> (state: ArchiveState, unmet: Position?) {
    guard archives.isComplete(id) else {
      let key = TransferKey(owner: .coordinator, archive: id, uploads: false)
      let isAbsent = otherCoordinators.isEmpty || transfers.isInVain(key)
      return (isAbsent ? .absent : .missing, nil)
    }
    guard archives.isDurable(id) else { return (.held, nil) }
    let replicates = replicator?.settings.replicatesArchives ?? false
    guard replicates, lastRing.listed > 1 else { return (.safe, nil) }
    let unmet = archiveNews.unmet(archives.positions(of: id))
    return (unmet == nil ? .safe : .durable, unmet)
  }

  /// Other rules hold for what is safe.
  mutating func archivesMayBeSafe() {
    archiveNews.lookAtAll()
    archivesAdvanced()
  }

  /// News for whoever waits for archives. Costs what changed, not what is held.
  mutating func archivesAdvanced() {
    let due = archiveNews.takeDue(
      touched: archives.takeTouched(), at: now, lostAfter: settings.lostAfter)
    for id in due {
      let (found, unmet) = state(of: id)
      let state = archiveNews.judge(
        id, found, unmet: unmet, at: now, lostAfter: settings.lostAfter)
      if archiveNews.tell(id, state) {
        if state >= .held {
          transfers.abandon(TransferKey(owner: .coordinator, archive: id, uploads: false))
        }
        events.append(.coordinator(.archive(id, state)))
      }
    }
    for id in archiveNews.awaited where archives.isDurable(id) {
      var answer = ArchiveOfferReply()
      answer.durable = true
      for request in archiveNews.takeOffers(of: id) {
        reply(.archiveOfferReply(answer), to: request)
      }
    }
    let store = archives
    for put in archiveNews.takeLocalPuts(where: { store.isDurable($0) }) {
      events.append(
        put.owner == .client
          ? .client(.archiveStored(put.archive)) : .server(.archiveStored(put.archive)))
    }
  }
}
