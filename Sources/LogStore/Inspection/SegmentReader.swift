// Reads a segment's file frame by frame and knows where it stopped, so that it goes on from there
// when the file has grown. It keeps no file open between two calls and no more than a window of it
// in memory. It verifies the chain, and judges nothing: LogInspection does.

package struct SegmentReader: Sendable {
  package enum Stop: Hashable, Sendable {
    /// Nothing follows in the file.
    case end
    /// Allocated, not written yet; or a header that isn't there yet.
    case unwritten
    /// What follows is no frame of this chain: torn, damaged, or being written right now.
    case damage(DecodeFault)
    /// The file is not there any more.
    case gone
    /// The caller wanted no more.
    case asked
  }

  package let name: SegmentName
  package let path: String
  /// After the last frame that was read.
  package private(set) var end: Offset
  package private(set) var chain: Checksum
  package private(set) var records: Ordinal
  private let files: any FileSystem

  package init(_ name: SegmentName, path: String, on fs: any FileSystem) {
    self.name = name
    self.path = path
    end = .zero
    chain = Checksum(0)
    records = .zero
    files = fs
  }

  /// Goes on from a place that is known: after a frame with this checksum and so many records.
  package init(
    _ name: SegmentName, path: String, from end: Offset, chain: Checksum, records: Ordinal,
    on fs: any FileSystem
  ) {
    self.init(name, path: path, on: fs)
    self.end = end
    self.chain = chain
    self.records = records
  }

  package typealias Visit = (Position, RecordKind, UnsafeRawBufferPointer) -> Bool

  /// Reads on. A closure that returns false ends it: `frame` before the frame counts as read,
  /// `record` in the middle of one.
  package mutating func read(
    frame: (FrameView) -> Bool = { _ in true }, record: Visit
  ) throws(LogError) -> Stop {
    guard let handle = try open() else { return .gone }
    defer { files.close(handle) }
    let size = try LogError.io { () throws(FileError) in try files.size(handle) }
    guard size > end.value else { return .end }
    var window = FileWindow(handle, limit: size, on: files)
    if end == .zero, let stop = try readHeader(&window) { return stop }
    var decoder = PayloadDecoder()
    while true {
      switch try window.frame(at: end.value, of: name.nonce) {
      case .end: return .end
      case .fault(let fault): return try isUnwritten(&window) ? .unwritten : .damage(fault)
      case .frame(let header, let bytes):
        do throws(DecodeFault) {
          try header.verify(follows: chain, records: records)
          let raw = try decoder.records(of: header, in: bytes)
          guard frame(FrameView(header, isBehind: false)) else { return .asked }
          guard try visit(header, raw, record) else { return .asked }
        } catch { return .damage(error) }
        end = Offset(header.end)
        chain = header.checksum
        records = header.endOrdinal
      }
    }
  }

  /// The frames behind the place where `read` stopped that are intact by themselves. Returns
  /// whether there were any.
  package func readBehind(
    frame: (FrameView) -> Bool = { _ in true }, record: Visit
  ) throws(LogError) -> Bool {
    guard let handle = try open() else { return false }
    defer { files.close(handle) }
    let size = try LogError.io { () throws(FileError) in try files.size(handle) }
    var window = FileWindow(handle, limit: size, on: files)
    var decoder = PayloadDecoder()
    var at = end.value
    var isAny = false
    while let found = try SegmentScan.intactFrame(from: at, of: name, &window, &decoder) {
      at = found.header.end
      guard case .frame(let header, let bytes) = try window.frame(at: found.offset, of: name.nonce)
      else { continue }
      isAny = true
      do throws(DecodeFault) {
        let raw = try decoder.records(of: header, in: bytes)
        guard frame(FrameView(header, isBehind: true)), try visit(header, raw, record) else {
          return isAny
        }
      } catch { throw .damaged(path: path, at: Offset(header.offset), error) }
    }
    return isAny
  }

  private func open() throws(LogError) -> FileHandle? {
    do throws(FileError) { return try files.open(path, .read) } catch {
      if error.isMissing { return nil }
      throw .io(error)
    }
  }

  private mutating func readHeader(_ window: inout FileWindow) throws(LogError) -> Stop? {
    let bytes = try window.load(0, Format.segmentHeaderSize)
    do throws(DecodeFault) {
      guard try SegmentHeader(decoding: bytes).name == name else { throw .wrongName }
      chain = Checksum(bytes.little(56))
      end = Offset(UInt64(Format.segmentHeaderSize))
      return nil
    } catch {
      if case .newerVersion(let version) = error {
        throw .newerVersion(path: path, version: version)
      }
      return bytes.isAllZero() ? .unwritten : .damage(error)
    }
  }

  private func visit(
    _ header: FrameHeader, _ raw: UnsafeRawBufferPointer, _ record: Visit
  ) throws(DecodeFault) -> Bool {
    var walker = RecordWalker(raw)
    var place = Position(segment: name, ordinal: header.firstOrdinal)
    for _ in 0..<header.count {
      let (kind, payload) = try walker.next()
      guard record(place, kind, payload) else { return false }
      place.ordinal = place.ordinal + 1
    }
    return true
  }

  /// A look at the next few bytes is enough to wait by.
  private func isUnwritten(_ window: inout FileWindow) throws(LogError) -> Bool {
    try window.load(end.value, 4096).isAllZero()
  }
}

extension LogInspection {
  /// Readers of the segments in `directory`, sorted by name; only of `file`, if that is given.
  /// Opens as much as tells which log it is.
  package static func readers(
    in directory: String, only file: String? = nil, on fs: any FileSystem
  ) throws(LogError) -> [SegmentReader] {
    let listed = try LogError.io { () throws(FileError) in
      if let file { [file] } else { try fs.list(directory) }
    }
    let log = kind(of: listed, in: directory, on: fs)
    if let file {
      let name =
        if let named = SegmentFileName.parse(file, log: log) { named.name } else {
          try name(of: file, in: directory, on: fs)
        }
      return [SegmentReader(name, path: directory + "/" + file, on: fs)]
    }
    return listed.compactMap { file in
      guard let (name, suffix) = SegmentFileName.parse(file, log: log),
        suffix == SegmentFileName.suffix
      else { return nil }
      return SegmentReader(name, path: directory + "/" + file, on: fs)
    }.sorted { $0.name < $1.name }
  }

  /// Whether a record of LogStore's own kinds can never matter again, by all that stand here.
  package func isDeadForEver(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    retirements.isDeadForEver(kind, payload)
  }
}

extension SegmentName {
  /// What its file is called.
  package var fileName: String { SegmentFileName.file(self) }
}

/// Proposes equality of records, as the search for covers does: XXH64 of the payload, with the kind
/// as its seed.
package enum RecordContent {
  package static func hash(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> UInt64 {
    XXH64.hash(payload, seed: UInt64(kind.value))
  }
}
