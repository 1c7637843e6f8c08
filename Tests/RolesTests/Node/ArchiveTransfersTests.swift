import LogStore
import ReplicationCore
import RolesCore
import Testing

@testable import RolesNode

/// A download that goes on for ever tells when all have been asked in vain, and that it has hope
/// again when something comes.
@Suite struct ArchiveTransfersTests {
  private let archive = ArchiveID.of([1, 2, 3])
  private var key: TransferKey {
    TransferKey(owner: .coordinator, archive: archive, uploads: false)
  }
  private var question: TransferQuestion { TransferQuestion(key: key, chunk: nil) }

  private func isVain(_ steps: [TransferStep]) -> Bool {
    steps.contains { if case .askedInVain = $0 { true } else { false } }
  }

  private func refusal() -> Message {
    var reply = ArchiveGetReply()
    reply.refusal = Refusal(.notFound, "it is not held here")
    return .archiveGetReply(reply)
  }

  @Test func allHaveToFailAndItGoesOn() {
    var transfers = ArchiveTransfers()
    var now = Instant(nanoseconds: 1)
    _ = transfers.download(archive, from: ["a:1", "b:1"], for: .coordinator, givesUp: false)
    #expect(!transfers.isInVain(key))
    #expect(!isVain(transfers.failed(question, "no answer", at: now)))
    #expect(!transfers.isInVain(key))
    now = now + ArchiveTransfers.retryDelay
    #expect(transfers.tick(at: now).count == 1)
    #expect(isVain(transfers.answered(question, refusal(), lacking: { _ in [] }, at: now)))
    #expect(transfers.isInVain(key))
    // Told once, asked for ever.
    now = now + ArchiveTransfers.retryDelay
    #expect(transfers.tick(at: now).count == 1)
    #expect(!isVain(transfers.failed(question, "no answer", at: now)))
    #expect(transfers.isInVain(key))
  }

  @Test func somethingOfItIsHope() {
    var transfers = ArchiveTransfers()
    let now = Instant(nanoseconds: 1)
    _ = transfers.download(archive, from: ["a:1"], for: .coordinator, givesUp: false)
    #expect(isVain(transfers.failed(question, "no answer", at: now)))
    let later = now + ArchiveTransfers.retryDelay
    _ = transfers.tick(at: later)
    var reply = ArchiveGetReply()
    reply.manifest = ArchiveManifest(id: archive, size: 3, chunks: [archive])
    _ = transfers.answered(
      question, .archiveGetReply(reply), lacking: { _ in [0] }, at: later)
    #expect(!transfers.isInVain(key))
  }
}
