// Bytes of a simulated file in pages of 4 KiB. Pages are shared between copies until one of them
// writes, so that a crash image costs what differs, and a hole costs nothing.

struct SimulatedPages: Sendable {
  static let pageSize = 4096
  static let sectorSize = 512
  private static let zeros = [UInt8](repeating: 0, count: pageSize)

  /// An empty page is a hole: it reads as zeros and takes no space.
  private var pages: [[UInt8]] = []

  /// How many pages take space.
  var reservedPages: Int { pages.count { !$0.isEmpty } }

  /// How many more pages a write to this range, or its reservation, takes.
  func missingPages(from: UInt64, to: UInt64) -> Int {
    guard from < to else { return 0 }
    return (Self.page(from)...Self.page(to - 1)).count {
      $0 >= pages.count || pages[$0].isEmpty
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) {
    Self.forEachPage(from: offset, count: buffer.count) { page, inPage, inBuffer, count in
      let target = UnsafeMutableRawBufferPointer(rebasing: buffer[inBuffer..<inBuffer + count])
      if page < pages.count, !pages[page].isEmpty {
        pages[page].withUnsafeBytes { source in
          target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[inPage..<inPage + count]))
        }
      } else {
        _ = target.initializeMemory(as: UInt8.self, repeating: 0)
      }
    }
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) {
    Self.forEachPage(from: offset, count: bytes.count) { page, inPage, inBuffer, count in
      materialize(page)
      pages[page].withUnsafeMutableBytes { target in
        UnsafeMutableRawBufferPointer(rebasing: target[inPage..<inPage + count])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[inBuffer..<inBuffer + count]))
      }
    }
  }

  /// Takes the space of a range without changing what reads there.
  mutating func reserve(from: UInt64, to: UInt64) {
    guard from < to else { return }
    for page in Self.page(from)...Self.page(to - 1) { materialize(page) }
  }

  /// Zeros from `from` on; whole pages behind it give their space back.
  mutating func cut(to length: UInt64) {
    let kept = Self.page(length + UInt64(Self.pageSize - 1))
    if pages.count > kept { pages.removeSubrange(kept...) }
    zero(from: length, to: UInt64(kept * Self.pageSize))
  }

  /// Zeros a range inside pages that are there.
  mutating func zero(from: UInt64, to: UInt64) {
    guard from < to else { return }
    Self.forEachPage(from: from, count: Int(to - from)) { page, inPage, _, count in
      guard page < pages.count, !pages[page].isEmpty else { return }
      pages[page].withUnsafeMutableBytes { target in
        _ = UnsafeMutableRawBufferPointer(rebasing: target[inPage..<inPage + count])
          .initializeMemory(as: UInt8.self, repeating: 0)
      }
    }
  }

  mutating func flip(bit: UInt64) {
    let page = Self.page(bit / 8)
    materialize(page)
    pages[page][Int(bit / 8) % Self.pageSize] ^= 1 << (bit % 8)
  }

  private mutating func materialize(_ page: Int) {
    while pages.count <= page { pages.append([]) }
    if pages[page].isEmpty { pages[page] = Self.zeros }
  }

  private static func page(_ offset: UInt64) -> Int { Int(offset / UInt64(pageSize)) }

  private static func forEachPage(
    from offset: UInt64, count: Int,
    _ body: (_ page: Int, _ inPage: Int, _ inBuffer: Int, _ count: Int) -> Void
  ) {
    var done = 0
    while done < count {
      let place = Int(offset) + done
      let inPage = place % pageSize
      let length = min(pageSize - inPage, count - done)
      body(place / pageSize, inPage, done, length)
      done += length
    }
  }
}
