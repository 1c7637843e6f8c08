import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

// F15 and B18: whatever bytes arrive, a codec answers with a value or a typed error, in memory
// bounded by what arrived. The generated code is the reference for what may be taken at all.

@Suite struct HostileBytesTests {
  @Test(arguments: Codec.all.indices)
  func cutAndChangedBytesNeverCrash(_ index: Int) {
    let codec = Codec.all[index]
    for seed in 0..<150 as Range<UInt64> {
      var random = Random(seed: seed)
      let bytes = codec.sample(&random)
      for cut in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 40)) {
        _ = codec.takes(Array(bytes.prefix(cut)))
      }
      for _ in 0..<20 {
        let changed = mutated(bytes, using: &random)
        let (ours, theirs) = codec.takes(changed)
        if ours && !theirs {
          Issue.record("\(codec.name), seed \(seed): we take what is no protobuf: \(changed)")
          return
        }
      }
      _ = codec.takes(random.bytes())
    }
  }

  private func mutated(_ bytes: [UInt8], using random: inout Random) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.upTo(4) where !bytes.isEmpty {
      let at = random.upTo(bytes.count)
      switch random.upTo(5) {
      case 0: bytes[at] ^= 1 << UInt8(random.upTo(8))
      case 1: bytes[at] = UInt8(truncatingIfNeeded: random.dice.next())
      case 2: bytes.remove(at: at)
      case 3: bytes.insert(contentsOf: random.bytes(upTo: 8), at: at)
      default: bytes.replaceSubrange(at..<min(bytes.count, at + 3), with: [0xff, 0xff, 0xff])
      }
    }
    return bytes
  }

  /// A length of 2^63, and all its neighbours, in the place of every length.
  @Test(arguments: Codec.all.indices)
  func hugeLengthsAreRefused(_ index: Int) {
    let codec = Codec.all[index]
    let lengths: [UInt64] = [
      1 << 20, 1 << 31, 1 << 32, (1 << 62) - 1, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, .max,
    ]
    for number in 1...16 {
      for length in lengths {
        var writer = ProtoWriter()
        writer.varint(UInt64(number) << 3 | 2)
        writer.varint(length)
        #expect(!codec.takes(writer.bytes).ours, "\(codec.name), field \(number), \(length)")
        #expect(!codec.takes(writer.bytes + [1, 2, 3]).ours, "\(codec.name), field \(number)")
        // The same one level down.
        var outer = ProtoWriter()
        outer.element(number, bytes: writer.bytes)
        _ = codec.takes(outer.bytes)
      }
    }
  }

  @Test func listsOfTextAreBounded() throws {
    var request = ClientRequest(session: .none)
    request.coordinators = [String](repeating: "", count: 4096)
    #expect(try ClientRequest(decoding: request.encoded()) == request)
    request.coordinators.append("")
    #expect(throws: ProtoError.self) { try ClientRequest(decoding: request.encoded()) }
  }
}
