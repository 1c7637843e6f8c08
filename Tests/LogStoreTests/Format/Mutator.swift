// Spoils valid bytes the way that a bad disk, a bad wire or a bad peer would: bits, cuts, repeats,
// and lengths at their extremes.

@testable import LogStore

struct Mutator {
  var dice: SplitMix64

  init(seed: UInt64) { dice = SplitMix64(seed: seed) }

  mutating func below(_ bound: Int) -> Int { Int(dice.next() % UInt64(max(1, bound))) }

  /// One to three changes. `fields` are the offsets of integers that stand in `bytes`.
  mutating func mutate(_ bytes: inout [UInt8], fields: [Int] = []) {
    for _ in 0..<(1 + below(3)) { change(&bytes, fields) }
  }

  private mutating func change(_ bytes: inout [UInt8], _ fields: [Int]) {
    guard !bytes.isEmpty else { return bytes.append(UInt8(truncatingIfNeeded: dice.next())) }
    switch below(fields.isEmpty ? 6 : 10) {
    case 0: bytes[below(bytes.count)] ^= 1 << UInt8(below(8))
    case 1: bytes[below(bytes.count)] = UInt8(truncatingIfNeeded: dice.next())
    case 2: bytes.removeLast(below(bytes.count))
    case 3:
      let isZero = below(2) == 0
      for _ in 0..<below(200) { bytes.append(isZero ? 0 : UInt8(truncatingIfNeeded: dice.next())) }
    case 4:
      let from = below(bytes.count)
      let part = Array(bytes[from..<min(bytes.count, from + below(120))])
      bytes.insert(contentsOf: part, at: below(bytes.count))
    case 5:
      let from = below(bytes.count)
      bytes.removeSubrange(from..<min(bytes.count, from + below(120)))
    default: setField(&bytes, at: fields[below(fields.count)])
    }
  }

  private mutating func setField(_ bytes: inout [UInt8], at offset: Int) {
    let width = [1, 2, 4, 8][below(4)]
    guard offset + width <= bytes.count else { return }
    var old: UInt64 = 0
    for index in 0..<width { old |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
    let extremes: [UInt64] = [
      0, 1, .max, .max - 1, 1 << 31, 1 << 32 - 1, 1 << 63, 1 << 40, 1 << 23, old &+ 1, old &- 1,
      old &* 2, dice.next(),
    ]
    let value = extremes[below(extremes.count)]
    for index in 0..<width {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }
}

/// Makes checksums right again after a change, so that what lies behind them is reached.
enum Resealing {
  static let frameFields = [8, 12, 13, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 72, 80, 84, 86]

  /// A frame that starts at `start`, by the size that it tells now, if that is there.
  static func frame(_ bytes: inout [UInt8], at start: Int) {
    bytes.withUnsafeMutableBytes { bytes in
      guard start + Format.frameHeaderSize <= bytes.count else { return }
      let stored = UInt64(UnsafeRawBufferPointer(bytes).little(start + 24, as: UInt32.self))
      let end = UInt64(start + Format.frameHeaderSize) + (stored + 7) & ~7
      let covered = start + 8..<Int(min(end, UInt64(bytes.count)))
      bytes.putLittle(XXH64.hash(UnsafeRawBufferPointer(bytes).part(covered)), at: start)
    }
  }

  /// The 56 bytes before a checksum of 8: segments' headers, notes, checkpoints' headers.
  static func entry(_ bytes: inout [UInt8], at start: Int) {
    bytes.withUnsafeMutableBytes { bytes in
      guard start + 64 <= bytes.count else { return }
      let covered = UnsafeRawBufferPointer(bytes).part(start..<(start + 56))
      bytes.putLittle(XXH64.hash(covered), at: start + 56)
    }
  }

  /// Every block of a checkpoint, as far as lengths lead.
  static func checkpoint(_ bytes: inout [UInt8]) {
    entry(&bytes, at: 0)
    bytes.withUnsafeMutableBytes { bytes in
      guard bytes.count >= CheckpointFormat.headerSize else { return }
      let view = UnsafeRawBufferPointer(bytes)
      var chain = view.little(56, as: UInt64.self)
      var at = CheckpointFormat.headerSize
      var number: UInt64 = 0
      while at + CheckpointFormat.blockHeaderSize <= bytes.count {
        let length = Int(view.little(at + 12, as: UInt32.self))
        let end = at + CheckpointFormat.blockHeaderSize + length
        guard end <= bytes.count else { return }
        bytes.putLittle(number, at: at + 16)
        chain = XXH64.hash(view.part(at + 8..<end), seed: chain)
        bytes.putLittle(chain, at: at)
        number += 1
        at = end
      }
    }
  }
}
