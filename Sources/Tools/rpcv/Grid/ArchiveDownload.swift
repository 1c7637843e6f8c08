import Glibc
import LogStore
import ReplicationTransport
import RolesCore
import RolesShell
import Synchronization

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
    let value = Mutex<Result<[UInt8], TransportError>?>(nil)
  }
}

enum ArchiveDownload {
  /// The content chunk by chunk, in bounded memory. The hash of the whole is known at the end only:
  /// what was taken is void if this throws.
  static func forEachChunk(
    of id: ArchiveID, size: UInt64, from coordinators: [String],
    _ body: ([UInt8]) throws -> Void
  ) throws {
    let asker = Asker()
    var hash = RunningHash()
    let count = (size + ArchiveManifest.chunkSize - 1) / ArchiveManifest.chunkSize
    for index in 0..<count {
      let bytes = try chunk(index, of: id, from: coordinators, asker)
      bytes.withUnsafeBytes { hash.update($0) }
      try body(bytes)
    }
    guard hash.value == id else {
      throw CommandError(.damaged, "output \(id) came spoiled; run again to fetch it anew")
    }
  }

  /// Whoever has it: another coordinator may not have fetched it yet.
  private static func chunk(
    _ index: UInt64, of id: ArchiveID, from coordinators: [String], _ asker: Asker
  ) throws(CommandError) -> [UInt8] {
    var reasons: [String] = []
    for address in coordinators {
      do throws(CommandError) {
        let (answer, _) = try asker.ask(
          [address], .archiveGet(ArchiveGet(id: id, index: index)), timeout: .seconds(60))
        if case .archiveGetReply(let reply) = answer, reply.refusal == nil { return reply.bytes }
        reasons.append("\(address) doesn't have it")
      } catch { reasons.append(error.description) }
    }
    throw CommandError(
      .unreachable, "chunk \(index) of output \(id): " + reasons.joined(separator: "; "))
  }

  static func chunks(
    of id: ArchiveID, size: UInt64, from coordinators: [String]
  ) throws -> [[UInt8]] {
    var chunks: [[UInt8]] = []
    try forEachChunk(of: id, size: size, from: coordinators) { chunks.append($0) }
    return chunks
  }
}

enum RemovedSession {
  /// A finished session's directory; what can't be removed is left.
  static func remove(_ path: String) { ScratchDirectory.remove(path) }
}
