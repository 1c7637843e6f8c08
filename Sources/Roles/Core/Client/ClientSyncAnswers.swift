// What the answer to a sync means, and the records and archives that a sync waits for.

import LogStore
import ReplicationCore

extension Client {
  mutating func synced(
    _ exchange: SyncExchange, _ response: ClientResponse, at now: Instant,
    _ out: inout [Directive]
  ) {
    contact.isKnown = true
    contact.batchRecords = Int.max
    contact.rewoundTo = nil
    if exchange.firstSubmission != nil || !exchange.resent.isEmpty { coordinators.accepted() }
    let lostItsDisk = response.acceptedThrough < exchange.acceptedAtStart
    for counter in exchange.resent {
      contact.resend.remove(counter)
      shelf.uncache(.submitted(counter))
    }
    learn(response, acceptedAtStart: exchange.acceptedAtStart, at: now, &out)
    if !lostItsDisk {
      freeHeld(through: exchange.through)
      contact.heldThrough = max(contact.heldThrough, exchange.through)
      outbox.markHeld(through: exchange.controlsThrough)
      if response.controlsSafe, let proved = exchange.provesThrough {
        controlsBecameSafe(outbox.markSafe(through: proved), at: now)
      }
    }
    learnHistory(exchange, response, at: now, &out)
  }

  private static var certainlySmall: Int { 64 << 10 }

  /// Held submissions are read from the log again, should another coordinator lack them.
  private mutating func freeHeld(through: CallCounter) {
    guard through > contact.heldThrough else { return }
    var counter = contact.heldThrough
    while counter < through {
      counter = counter.next
      if let range = released.range(containing: counter) {
        guard range.upperBound < through else { return }
        counter = range.upperBound
        continue
      }
      shelf.uncache(.submitted(counter))
    }
  }

  mutating func syncRefused(
    _ exchange: SyncExchange, _ refusal: Refusal, _ response: ClientResponse, at now: Instant,
    _ out: inout [Directive]
  ) {
    contact.isKnown = true
    switch refusal.code {
    case .gap:
      // Rewind to what it has, unless that is what was sent from.
      let next = response.acceptedThrough.next
      guard let first = exchange.firstSubmission, next < first,
        contact.rewoundTo != response.acceptedThrough
      else {
        return leave(exchange.address, suspects: false, at: now, &out)
      }
      contact.acceptedThrough = response.acceptedThrough
      contact.heldThrough = response.acceptedThrough
      contact.rewoundTo = response.acceptedThrough
      contact.isGreeted = false
    case .badRecord, .tooLarge:
      // A coordinator with too many guests says "too large" as well; that is not about a record.
      let isAboutRecords = refusal.code == .badRecord || exchange.bytes > Self.certainlySmall
      if isAboutRecords, exchange.records > 1 {
        contact.batchRecords = max(1, exchange.records / 2)
        return
      }
      if isAboutRecords, let first = exchange.firstSubmission {
        out.append(.rejected(name(first), refusal))
      }
      leave(exchange.address, suspects: false, at: now, &out)
    case .unknown, .logFull, .poisoned, .catchingUp, .notFound, .unsupported:
      leaveRefusing(exchange.address, refusal, at: now, &out)
    }
  }

  /// Records whose turn has come and that are not in memory.
  mutating func load(_ keys: [ClientRecordKey], _ out: inout [Directive]) {
    var positions: [Position] = []
    for key in keys {
      guard let position = shelf.position(of: key) else { continue }
      loading.append(key)
      positions.append(position)
    }
    if !positions.isEmpty { out.append(.load(positions)) }
  }

  mutating func loaded(_ records: [Record?], _ out: inout [Directive]) {
    let keys = loading
    loading = []
    for (index, key) in keys.enumerated() {
      if index < records.count, let record = records[index] {
        shelf.fill(key, record)
      } else if shelf.holds(key), !shelf.useSpare(key) {
        out.append(.note("a record of this session can't be read from the client's log: \(key)"))
        shelf.remove(key)
        if case .submitted(let counter) = key { calls[counter]?.isLogged = false }
      }
    }
  }

  mutating func take(_ missingArchives: [ArchiveID], _ out: inout [Directive]) {
    archives.want(missingArchives)
    putArchives(&out)
  }

  private mutating func putArchives(_ out: inout [Directive]) {
    guard let address = coordinators.current else { return }
    while let archive = archives.next(limit: settings.archivePuts) {
      out.append(.putArchive(archive, to: address))
    }
  }

  mutating func archiveStored(_ archive: ArchiveID, _ out: inout [Directive]) {
    guard archives.ended(archive) else { return }
    contact.asksAgain = true
    putArchives(&out)
  }

  /// The coordinator says again what it lacks; then it is tried again.
  mutating func archiveFailed(
    _ archive: ArchiveID, _ reason: String, at now: Instant, _ out: inout [Directive]
  ) {
    guard archives.ended(archive) else { return }
    out.append(.note("archive \(archive) did not reach the coordinator: \(reason)"))
    putArchives(&out)
  }
}
