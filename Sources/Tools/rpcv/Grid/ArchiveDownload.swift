import Glibc
import LogStore
import ReplicationTransport
import RolesCore
import RolesShell

// One question to a coordinator, asked and waited for: what commands without a node of their own
// need.

final class Asker: Sendable {
  private let loop = TransportLoop()
  private let client: TransportClient
  private let isStopped: @Sendable () -> Bool

  /// Asking ends when `isStopped` says so, within a fifth of a second.
  init(isStopped: @escaping @Sendable () -> Bool = { false }) {
    client = TransportClient(on: loop)
    self.isStopped = isStopped
  }

  deinit {
    client.stop()
    loop.shutdown()
  }

  /// The answer of the first of `coordinators` that gives one.
  func ask(
    _ coordinators: [String], _ message: Message, timeout: Duration = .seconds(10)
  ) throws(CommandError) -> (answer: Message, from: String) {
    var reasons: [String] = []
    for address in coordinators {
      do throws(TransportError) {
        let bytes = try exchange(try HostPort(address), message.encoded(), timeout)
        do {
          return (try Message(decoding: bytes), address)
        } catch { reasons.append("\(address): \(error)") }
      } catch { reasons.append("\(error)") }
    }
    throw CommandError(
      .unreachable, "no coordinator answers: " + reasons.joined(separator: "; "))
  }

  private func exchange(
    _ address: HostPort, _ payload: [UInt8], _ timeout: Duration
  ) throws(TransportError) -> [UInt8] {
    let signal = Signal()
    let slot = Slot()
    let id = client.exchange(with: address, payload, timeout: timeout) { result in
      slot.value.withLock { $0 = result }
      signal.raise()
    }
    while true {
      if let result = slot.value.withLock({ $0 }) { return try result.get() }
      if isStopped() { client.cancel(id) }
      _ = signal.wait(until: Signal.now() + 200_000_000)
    }
  }

  private final class Slot: Sendable {
    let value = Guarded<Result<[UInt8], TransportError>?>(nil)
  }
}

/// Outputs and file trees that a coordinator holds, chunk by chunk in bounded memory. A chunk that
/// no coordinator gives is asked for again: the one that had it may be restarting, and the server's
/// copy goes to another one.
final class ArchiveDownload {
  /// How long nobody may have a chunk before the run ends; a second run asks anew.
  private static let patience: UInt64 = 300_000_000_000
  private static let pause: Int32 = 500

  private let asker = Asker()
  private var coordinators: [String]
  private let isStopped: () -> Bool

  init(from coordinators: [String], isStopped: @escaping () -> Bool) {
    self.coordinators = coordinators
    self.isStopped = isStopped
  }

  /// Each chunk is verified before it is handed over.
  func forEachChunk(of id: ArchiveID, size: UInt64, _ body: ([UInt8]) throws -> Void) throws {
    var manifest: ArchiveManifest?
    var hash = RunningHash()
    let count = (size + ArchiveManifest.chunkSize - 1) / ArchiveManifest.chunkSize
    for index in 0..<count {
      var get = ArchiveGet(id: id, index: index)
      get.wantsManifest = manifest == nil
      let (bytes, given) = try chunk(get, size, manifest)
      manifest = given
      bytes.withUnsafeBytes { hash.update($0) }
      try body(bytes)
    }
    guard hash.value == id else {
      throw CommandError(.damaged, "output \(id) came spoiled; run again to fetch it anew")
    }
  }

  private func chunk(
    _ get: ArchiveGet, _ size: UInt64, _ manifest: ArchiveManifest?
  ) throws(CommandError) -> ([UInt8], ArchiveManifest) {
    let deadline = Signal.now() + Self.patience
    while true {
      var reason = "no coordinator is known"
      for (turn, address) in coordinators.enumerated() {
        do throws(CommandError) {
          let answer = try asker.ask([address], .archiveGet(get), timeout: .seconds(60)).answer
          if let good = Self.verified(answer, get, size, manifest) {
            // Who gave one chunk is asked first for the next.
            if turn > 0 { coordinators.insert(coordinators.remove(at: turn), at: 0) }
            return good
          }
          reason = "\(address) doesn't give it"
        } catch { reason = error.description }
        if isStopped() { throw CommandError(.interrupted, "interrupted") }
      }
      guard Signal.now() < deadline else {
        throw CommandError(
          .unreachable,
          "chunk \(get.index) of output \(get.id) can't be fetched: \(reason). Nothing is lost: "
            + "run the same again under the same --session")
      }
      poll(nil, 0, Self.pause)
    }
  }

  private static func verified(
    _ answer: Message, _ get: ArchiveGet, _ size: UInt64, _ known: ArchiveManifest?
  ) -> ([UInt8], ArchiveManifest)? {
    guard case .archiveGetReply(let reply) = answer, reply.refusal == nil,
      let manifest = known ?? reply.manifest, manifest.id == get.id, manifest.size == size,
      manifest.isSound, get.index < UInt64(manifest.chunks.count),
      Hash256.of(reply.bytes) == manifest.chunks[Int(get.index)]
    else { return nil }
    return (reply.bytes, manifest)
  }
}

enum RemovedSession {
  /// A finished session's directory; what can't be removed is left.
  static func remove(_ path: String) { try? TreeRemoval.remove(path) }
}
