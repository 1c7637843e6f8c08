// Growable raw memory with one owner: the append buffer and the scratch space of codecs. It never
// zeroes what it hands out and never shrinks, so that steady appending allocates nothing.

struct FlatBuffer: ~Copyable, @unchecked Sendable {  // proof: sole owner of its memory
  private var memory: UnsafeMutableRawPointer
  private(set) var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 0) {
    self.capacity = max(capacity, 64)
    memory = .allocate(byteCount: self.capacity, alignment: 16)
  }

  deinit { memory.deallocate() }

  /// What was appended. Valid until the next call that grows or clears.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }

  /// The whole allocation, for those who fill it themselves.
  var space: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: memory, count: capacity)
  }

  mutating func clear() { count = 0 }

  /// Declares that `space` was filled up to `count`.
  mutating func setCount(_ count: Int) {
    precondition(count <= capacity, "count within the allocation")
    self.count = count
  }

  /// Room for `total` bytes in all; what was appended is kept.
  mutating func reserve(_ total: Int) {
    guard total > capacity else { return }
    let grown = max(total, capacity * 2)
    let fresh = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
    fresh.copyMemory(from: memory, byteCount: count)
    memory.deallocate()
    memory = fresh
    capacity = grown
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
    reserve(count + bytes.count)
    (memory + count).copyMemory(from: source, byteCount: bytes.count)
    count += bytes.count
  }

  /// A record as it stands in a frame.
  mutating func appendRecord(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    reserve(count + Format.recordHeaderSize + payload.count)
    space.putLittle(UInt32(truncatingIfNeeded: payload.count), at: count)
    space.putLittle(kind.value, at: count + 4)
    count += Format.recordHeaderSize
    append(payload)
  }

  mutating func appendZeros(_ number: Int) {
    guard number > 0 else { return }
    reserve(count + number)
    (memory + count).initializeMemory(as: UInt8.self, repeating: 0, count: number)
    count += number
  }
}
