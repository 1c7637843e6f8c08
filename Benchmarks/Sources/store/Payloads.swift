// The bytes that all contenders store: text fields and random ids, as facts about jobs are. The
// same in every run, made from a seed.

/// Records of one size, one behind the other.
final class RecordPool: @unchecked Sendable {  // proof: written in init only
  let size: Int
  let count: Int
  private let buffer: UnsafeMutableRawBufferPointer

  init(size: Int, count: Int, seed: UInt64) {
    self.size = size
    self.count = count
    buffer = .allocate(byteCount: size * count, alignment: 64)
    var dice = XorShift(seed: seed)
    for index in 0..<count {
      let text = Self.record(size, index, &dice)
      buffer[(index * size)..<((index + 1) * size)].copyBytes(from: text)
    }
  }

  deinit { buffer.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(buffer) }

  /// `length` records from the `index`-th on, counted round and round.
  func records(_ index: Int, _ length: Int = 1) -> UnsafeRawBufferPointer {
    let slots = count / length
    let start = (index % slots) * length * size
    return UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length * size)])
  }

  private static let services = ["render-frame", "align-reads", "train-fold", "thumbnail"]
  private static let digits = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static func record(_ size: Int, _ index: Int, _ dice: inout XorShift) -> [UInt8] {
    let session = String(dice.next(), radix: 16) + String(dice.next(), radix: 16)
    let service = services[Int(dice.next() % UInt64(services.count))]
    let head = "{\"session\":\"\(session)\",\"call\":\(dice.next() % 1_000_000)"
    let tail = ",\"service\":\"\(service)\",\"host\":\"node-\(dice.next() % 64).example.org\""
    var text = Array((head + (size > 150 ? tail : "") + ",\"data\":\"").utf8)
    while text.count < size - 2 { text.append(digits[Int(dice.next() >> 58)]) }
    text.append(contentsOf: "\"}".utf8)
    return Array(text.prefix(size))
  }
}

struct XorShift: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed | 1 }

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_f491_4f6c_dd1d
  }
}
