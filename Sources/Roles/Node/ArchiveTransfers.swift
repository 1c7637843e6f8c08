import LogStore
import ReplicationCore
import RolesCore

// Archives between this node and others, chunk by chunk. It owns which transfers are under way,
// their windows and retries; it may not know why an archive is wanted, nor where its chunks are
// stored: both are told by events and asked for by steps. Every transfer is resumable: who has a
// chunk is asked, not remembered.

/// Who wants an archive moved, and is told of the end.
enum TransferOwner: UInt8, Hashable, Comparable, Sendable {
  case client, server, coordinator
  static func < (a: TransferOwner, b: TransferOwner) -> Bool { a.rawValue < b.rawValue }
}

struct TransferKey: Hashable, Comparable, Sendable {
  var owner: TransferOwner
  var archive: ArchiveID
  var uploads: Bool
  static func < (a: TransferKey, b: TransferKey) -> Bool {
    if a.owner != b.owner { return a.owner < b.owner }
    if a.archive != b.archive { return a.archive < b.archive }
    return !a.uploads && b.uploads
  }
}

/// One question of a transfer; its answer comes back with it.
struct TransferQuestion: Hashable, Sendable {
  var key: TransferKey
  /// Nil for the offer or the manifest.
  var chunk: UInt64?
}

enum TransferStep: Sendable {
  case send(TransferQuestion, to: String, Message)
  /// Read this chunk from the store and send it.
  case sendChunk(TransferQuestion, to: String)
  case keepManifest(ArchiveManifest)
  case keepChunk(ArchiveID, UInt64, [UInt8])
  /// Each address of a transfer that goes on for ever has failed since the last progress.
  case askedInVain(TransferKey)
  /// The transfer has ended: an upload is durable there, a download is complete here.
  case done(TransferKey, TransferEnd)
}

enum TransferEnd: Hashable, Sendable {
  case completed
  /// Every address answered that it doesn't have it.
  case absent
  /// For people.
  case failed(String)
}

struct ArchiveTransfers: Sendable {
  /// Chunks (of 1 MiB) under way in one transfer.
  static let window = 4
  static let retryDelay = Duration.seconds(1)

  private struct Transfer: Sendable {
    var addresses: [String]
    var turn = 0
    var manifest: ArchiveManifest?
    /// Chunks still to be moved, descending, so that the next one is the last.
    var rest: [UInt64] = []
    var underWay: Set<UInt64> = []
    var asking = false
    /// Addresses that failed since the last progress.
    var failures = 0
    /// Those of them that answered that they don't have it.
    var absences = 0
    var retryAt: Instant?
    /// Ends with a failure after every address failed once, or goes on for ever.
    var givesUp: Bool
    var address: String { addresses[turn % addresses.count] }
  }

  private var transfers: [TransferKey: Transfer] = [:]

  init() {}

  var isEmpty: Bool { transfers.isEmpty }

  /// When `tick` is wanted next.
  var nextRetry: Instant? { transfers.values.compactMap(\.retryAt).min() }

  func isMoving(_ key: TransferKey) -> Bool { transfers[key] != nil }

  func isInVain(_ key: TransferKey) -> Bool {
    transfers[key].map { $0.failures >= $0.addresses.count } ?? false
  }

  /// Starts an upload of what this node holds, or redirects one to another coordinator.
  mutating func upload(
    _ manifest: ArchiveManifest, to address: String, for owner: TransferOwner
  ) -> [TransferStep] {
    let key = TransferKey(owner: owner, archive: manifest.id, uploads: true)
    if let old = transfers[key], old.addresses == [address], old.retryAt == nil { return [] }
    transfers[key] = Transfer(
      addresses: [address], manifest: manifest, asking: true, givesUp: true)
    return [
      .send(
        TransferQuestion(key: key, chunk: nil), to: address,
        .archiveOffer(ArchiveOffer(manifest: manifest)))
    ]
  }

  /// Fetches from the first of `addresses` that has it, in turn. `held` is what the store has of
  /// it.
  mutating func download(
    _ archive: ArchiveID, from addresses: [String], for owner: TransferOwner, givesUp: Bool
  ) -> [TransferStep] {
    let key = TransferKey(owner: owner, archive: archive, uploads: false)
    guard !addresses.isEmpty else { return [.done(key, .failed("no other coordinator is known"))] }
    if var old = transfers[key] {
      old.addresses = addresses
      transfers[key] = old
      return []
    }
    transfers[key] = Transfer(addresses: addresses, asking: true, givesUp: givesUp)
    return [askManifest(key, addresses[0])]
  }

  mutating func abandon(_ key: TransferKey) { transfers[key] = nil }

  private func askManifest(_ key: TransferKey, _ address: String) -> TransferStep {
    var get = ArchiveGet(id: key.archive, index: 0)
    get.wantsManifest = true
    return .send(TransferQuestion(key: key, chunk: nil), to: address, .archiveGet(get))
  }

  // MARK: Answers

  mutating func answered(
    _ question: TransferQuestion, _ message: Message, lacking: (ArchiveManifest) -> [UInt64],
    at now: Instant
  ) -> [TransferStep] {
    guard var transfer = transfers[question.key] else { return [] }
    switch message {
    case .archiveOfferReply(let reply) where question.key.uploads && question.chunk == nil:
      transfer.asking = false
      if let refusal = reply.refusal { return failed(question, refusal.text, at: now) }
      transfer.failures = 0
      if reply.durable {
        transfers[question.key] = nil
        return [.done(question.key, .completed)]
      }
      transfer.rest = reply.missing.sorted(by: >)
      transfers[question.key] = transfer
      return proceed(question.key)
    case .archivePutReply(let reply) where question.key.uploads && question.chunk != nil:
      if let refusal = reply.refusal { return failed(question, refusal.text, at: now) }
      if let chunk = question.chunk { transfer.underWay.remove(chunk) }
      transfer.failures = 0
      transfers[question.key] = transfer
      return proceed(question.key)
    case .archiveGetReply(let reply) where !question.key.uploads:
      return received(question, reply, lacking: lacking, at: now)
    default: return failed(question, "an answer of another kind", at: now)
    }
  }

  private mutating func received(
    _ question: TransferQuestion, _ reply: ArchiveGetReply,
    lacking: (ArchiveManifest) -> [UInt64], at now: Instant
  ) -> [TransferStep] {
    guard var transfer = transfers[question.key] else { return [] }
    if let refusal = reply.refusal {
      if refusal.code == .notFound { transfers[question.key]?.absences += 1 }
      return failed(question, refusal.text, at: now)
    }
    var steps: [TransferStep] = []
    if let chunk = question.chunk {
      guard transfer.underWay.remove(chunk) != nil else { return [] }
      steps.append(.keepChunk(question.key.archive, chunk, reply.bytes))
    } else {
      guard let manifest = reply.manifest, manifest.id == question.key.archive else {
        return failed(question, "another archive's manifest came", at: now)
      }
      transfer.asking = false
      transfer.manifest = manifest
      steps.append(.keepManifest(manifest))
      transfer.rest = lacking(manifest).sorted(by: >)
      if !reply.bytes.isEmpty, transfer.rest.last == 0 {
        transfer.rest.removeLast()
        steps.append(.keepChunk(manifest.id, 0, reply.bytes))
      }
    }
    transfer.failures = 0
    transfer.absences = 0
    transfers[question.key] = transfer
    return steps + proceed(question.key)
  }

  /// The store refused a chunk: it isn't what the manifest says. Another address may do better.
  mutating func spoiled(_ archive: ArchiveID, at now: Instant) -> [TransferStep] {
    let keys = transfers.keys.filter { $0.archive == archive && !$0.uploads }.sorted()
    return keys.flatMap {
      failed(TransferQuestion(key: $0, chunk: nil), "a chunk came spoiled", at: now)
    }
  }

  mutating func failed(
    _ question: TransferQuestion, _ reason: String, at now: Instant
  ) -> [TransferStep] {
    guard var transfer = transfers[question.key] else { return [] }
    transfer.failures += 1
    transfer.turn += 1
    transfer.asking = false
    transfer.underWay = []
    if transfer.givesUp, transfer.failures >= transfer.addresses.count {
      transfers[question.key] = nil
      let absent = transfer.absences >= transfer.addresses.count
      return [.done(question.key, absent ? .absent : .failed(reason))]
    }
    transfer.retryAt = now + Self.retryDelay
    transfers[question.key] = transfer
    return transfer.failures == transfer.addresses.count ? [.askedInVain(question.key)] : []
  }

  mutating func tick(at now: Instant) -> [TransferStep] {
    var steps: [TransferStep] = []
    for key in transfers.keys.sorted() {
      guard var transfer = transfers[key], let due = transfer.retryAt, due <= now else { continue }
      transfer.retryAt = nil
      transfer.asking = true
      transfers[key] = transfer
      steps.append(question(key, transfer))
    }
    return steps
  }

  private func question(_ key: TransferKey, _ transfer: Transfer) -> TransferStep {
    if key.uploads, let manifest = transfer.manifest {
      return .send(
        TransferQuestion(key: key, chunk: nil), to: transfer.address,
        .archiveOffer(ArchiveOffer(manifest: manifest)))
    }
    return askManifest(key, transfer.address)
  }

  /// Fills the window; at the end asks whether the upload is durable, or ends the download.
  private mutating func proceed(_ key: TransferKey) -> [TransferStep] {
    guard var transfer = transfers[key], transfer.retryAt == nil else { return [] }
    var steps: [TransferStep] = []
    while transfer.underWay.count < Self.window, let chunk = transfer.rest.popLast() {
      transfer.underWay.insert(chunk)
      let question = TransferQuestion(key: key, chunk: chunk)
      if key.uploads {
        steps.append(.sendChunk(question, to: transfer.address))
      } else {
        steps.append(
          .send(
            question, to: transfer.address,
            .archiveGet(ArchiveGet(id: key.archive, index: chunk))))
      }
    }
    if transfer.underWay.isEmpty, transfer.rest.isEmpty, !transfer.asking {
      guard key.uploads else {
        transfers[key] = nil
        return steps + [.done(key, .completed)]
      }
      transfer.asking = true
      steps.append(question(key, transfer))
    }
    transfers[key] = transfer
    return steps
  }
}
