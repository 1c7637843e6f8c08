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

  init() { client = TransportClient(on: loop) }

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
    client.exchange(with: address, payload, timeout: timeout) { result in
      slot.value.withLock { $0 = result }
      signal.raise()
    }
    while true {
      if let result = slot.value.withLock({ $0 }) { return try result.get() }
      _ = signal.wait(until: nil)
    }
  }

  private final class Slot: Sendable {
    let value = Mutex<Result<[UInt8], TransportError>?>(nil)
  }
}

enum ArchiveDownload {
  /// The content chunk by chunk, each verified against its manifest.
  static func chunks(
    of id: ArchiveID, size: UInt64, from coordinators: [String]
  ) throws(CommandError) -> [[UInt8]] {
    let asker = Asker()
    var chunks: [[UInt8]] = []
    var hash = RunningHash()
    let count = (size + ArchiveManifest.chunkSize - 1) / ArchiveManifest.chunkSize
    for index in 0..<count {
      let (answer, address) = try asker.ask(
        coordinators, .archiveGet(ArchiveGet(id: id, index: index)), timeout: .seconds(60))
      guard case .archiveGetReply(let reply) = answer, reply.refusal == nil else {
        throw CommandError(.failure, "\(address) doesn't give chunk \(index) of output \(id)")
      }
      reply.bytes.withUnsafeBytes { hash.update($0) }
      chunks.append(reply.bytes)
    }
    guard hash.value == id else {
      throw CommandError(.damaged, "output \(id) came spoiled; run again to fetch it anew")
    }
    return chunks
  }
}

enum RemovedSession {
  /// A finished session's directory; what can't be removed is left.
  static func remove(_ path: String) { ScratchDirectory.remove(path) }
}
