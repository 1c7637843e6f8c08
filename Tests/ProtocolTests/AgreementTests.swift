import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

// The hand-written codecs and the code generated from the .proto files say the same: so other
// languages can talk to us, and nobody changes one without the other.

@Suite struct AgreementTests {
  @Test(arguments: Codec.all.indices)
  func ourCodecsAgreeWithTheGeneratedOnes(_ index: Int) {
    let codec = Codec.all[index]
    for seed in 0..<400 as Range<UInt64> {
      var random = Random(seed: seed)
      if let problem = codec.check(&random) {
        Issue.record("\(codec.name), seed \(seed): \(problem)")
        return
      }
    }
  }

  /// A reader takes repeated numbers packed or one by one.
  @Test func repeatedNumbersMayBeUnpacked() throws {
    var reply = ArchiveOfferReply()
    reply.missing = [0, 1, 300, .max]
    var writer = ProtoWriter()
    for index in reply.missing {
      writer.varint(1 << 3)
      writer.varint(index)
    }
    #expect(try ArchiveOfferReply(decoding: writer.bytes) == reply)
    #expect(try ArchiveOfferReply(decoding: reply.encoded()) == reply)
    var open = reply.encoded()
    open[open.count - 1] = 0x81
    #expect(throws: ProtoError.self) { try ArchiveOfferReply(decoding: open) }
  }

  /// What a newer version may add to an enumeration reads as unknown, and says why in its text.
  @Test func unknownCodesRead() throws {
    var writer = ProtoWriter()
    writer.field(1, varint: 99)
    writer.field(2, string: "too late")
    #expect(try Refusal(decoding: writer.bytes) == Refusal(.unknown, "too late"))
  }
}
