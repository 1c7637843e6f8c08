// One file of the simulated disk: what a reader sees now, what a power cut leaves for certain, and
// every change in between. Knows nothing of names: those are the directories'.

struct SimulatedFile: Sendable {
  /// A change that no sync has confirmed yet.
  struct Change: Sendable {
    /// Where `bytes` were written, or the new length of a resize.
    var offset: UInt64
    /// Nil for a resize.
    var bytes: [UInt8]?
    var sizeAfter: UInt64
  }

  /// What the kernel may keep back at most before it writes the oldest changes by itself.
  static let writebackLimit = 64 << 20

  private(set) var cache = SimulatedPages()
  private(set) var size: UInt64 = 0
  private(set) var durable = SimulatedPages()
  private(set) var durableSize: UInt64 = 0
  private(set) var pending: [Change] = []
  private var pendingBytes = 0

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
    guard offset < size else { return 0 }
    let count = Int(min(UInt64(buffer.count), size - offset))
    cache.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset)
    return count
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) {
    guard !bytes.isEmpty else { return }
    cache.write(bytes, at: offset)
    size = max(size, offset + UInt64(bytes.count))
    pending.append(Change(offset: offset, bytes: Array(bytes), sizeAfter: size))
    pendingBytes += bytes.count
    if pendingBytes > Self.writebackLimit { writeBack() }
  }

  mutating func truncate(to length: UInt64) {
    if length < size { cache.cut(to: length) }
    size = length
    pending.append(Change(offset: length, bytes: nil, sizeAfter: length))
  }

  mutating func allocate(to length: UInt64) {
    guard length > size else { return }
    cache.reserve(from: size, to: length)
    truncate(to: length)
  }

  mutating func synchronize() {
    for change in pending {
      change.apply(to: &durable)
      durableSize = change.sizeAfter
    }
    forgetPending()
  }

  /// What Linux does after a failed fdatasync: the pages count as clean, a reader still sees them,
  /// and no later sync will ever write them.
  mutating func failSynchronize() { forgetPending() }

  /// Rot: what is at rest changes, under the cache as well.
  mutating func flip(bit: UInt64) {
    cache.flip(bit: bit)
    durable.flip(bit: bit)
  }

  /// The file that a power cut left.
  init(durable: SimulatedPages, size: UInt64) {
    cache = durable
    self.durable = durable
    self.size = size
    durableSize = size
  }

  init() {}

  /// The file has neither name nor reader any more; a crash may still bring its name back, and
  /// then what was durable and pending counts.
  mutating func releaseCache() {
    cache = SimulatedPages()
    size = 0
  }

  private mutating func writeBack() {
    let half = pending.count / 2
    for change in pending[..<half] {
      change.apply(to: &durable)
      durableSize = change.sizeAfter
      pendingBytes -= change.bytes?.count ?? 0
    }
    pending.removeSubrange(..<half)
  }

  private mutating func forgetPending() {
    pending.removeAll(keepingCapacity: true)
    pendingBytes = 0
  }
}

extension SimulatedFile.Change {
  /// The change as a whole.
  func apply(to pages: inout SimulatedPages) {
    if let bytes {
      bytes.withUnsafeBytes { pages.write($0, at: offset) }
    } else {
      pages.cut(to: offset)
    }
  }

  /// Only those of its sectors that `keeps` names. `end` is where the file ended at most so far.
  func apply(to pages: inout SimulatedPages, upTo end: UInt64, keeps: (_ sector: UInt64) -> Bool) {
    let last = bytes.map { offset + UInt64($0.count) } ?? end
    let sectorSize = UInt64(SimulatedPages.sectorSize)
    var place = offset
    while place < last {
      let sector = place / sectorSize
      let next = min((sector + 1) * sectorSize, last)
      if keeps(sector) {
        if let bytes {
          bytes.withUnsafeBytes {
            let part = $0[Int(place - offset)..<Int(next - offset)]
            pages.write(UnsafeRawBufferPointer(rebasing: part), at: place)
          }
        } else {
          pages.zero(from: place, to: next)
        }
      }
      place = next
    }
  }
}
