// What this disk knows about itself and tells nobody: how far each copy was durable here, which
// copies damage cut short, how long the node has been up and when in that time it last saw another
// one write. A file of 64-byte entries, each with its own checksum, appended
// without a sync of its own; an entry that can't be read is skipped. It is in no vector.

enum Note: Hashable, Sendable {
  /// Bytes of this copy before `end` were synced.
  case durable(SegmentName, end: Offset)
  /// Damage cut this copy short; it is whole again when it reaches `until`.
  case damaged(SegmentName, until: Offset)
  /// For so many nanoseconds, over all starts, this node has been up.
  case uptime(UInt64)
  /// When, in that time, a new byte of this node's segments was seen last.
  case seen(NodeID, at: UInt64)
}

/// For how long a node has been up, over all its starts, and when in that time it last saw new
/// bytes of each other node's segments; in nanoseconds. Both lag behind by what was not noted yet.
public struct Uptimes: Hashable, Sendable {
  public var total: UInt64
  public var seen: [NodeID: UInt64]
  public init(total: UInt64 = 0, seen: [NodeID: UInt64] = [:]) {
    self.total = total
    self.seen = seen
  }
}

/// The notes of one log, folded: the latest damage and the greatest durable end of each segment,
/// the greatest times.
struct Notes: Hashable, Sendable {
  private(set) var durable: [SegmentName: Offset] = [:]
  private(set) var damaged: [SegmentName: Offset] = [:]
  private(set) var uptimes = Uptimes()

  mutating func fold(_ note: Note) {
    switch note {
    case .durable(let name, let end): durable[name] = max(durable[name] ?? .zero, end)
    case .damaged(let name, let until):
      damaged[name] = until
      // What was known of the longer copy no longer holds of the one that was cut.
      durable[name] = nil
    case .uptime(let total): uptimes.total = max(uptimes.total, total)
    case .seen(let node, let at): uptimes.seen[node] = max(uptimes.seen[node] ?? 0, at)
    }
  }

  mutating func fold(_ uptimes: Uptimes) {
    fold(.uptime(uptimes.total))
    for (node, at) in uptimes.seen { fold(.seen(node, at: at)) }
  }

  /// Forgets segments that are not held; damage of one that is missing altogether is kept.
  mutating func keepDurable(of held: (SegmentName) -> Bool) {
    durable = durable.filter { held($0.key) }
  }

  /// Sorted, damage first, so that a rewrite folds to the same.
  var all: [Note] {
    damaged.keys.sorted().compactMap { name in
      damaged[name].map { Note.damaged(name, until: $0) }
    }
      + durable.keys.sorted().compactMap { name in
        durable[name].map { Note.durable(name, end: $0) }
      } + times
  }

  private var times: [Note] {
    let seen = uptimes.seen.keys.sorted().compactMap { node in
      uptimes.seen[node].map { Note.seen(node, at: $0) }
    }
    return uptimes.total > 0 ? [.uptime(uptimes.total)] + seen : seen
  }
}

struct NotesFile: Sendable {
  static let fileName = "notes"
  static let entrySize = 64
  private static let magic: UInt32 = 0x4E4E_5652  // "RVNN"
  /// Beyond this length, and twice what it was when it was last rewritten, the file is rewritten.
  static let rewriteSize: UInt64 = 256 * 1024
  static let largest: UInt64 = 64 << 20

  private let path: String
  private let log: LogKind
  private var handle: FileHandle
  private var end: UInt64
  private var rewrittenEnd: UInt64 = 0

  /// Opens or makes the notes of `directory`. A damaged entry costs what it told, nothing else.
  static func open(
    in directory: String, log: LogKind, on fs: any FileSystem
  ) throws(FileError) -> (NotesFile, Notes) {
    let path = directory + "/" + fileName
    var notes = Notes()
    let file: NotesFile
    do throws(FileError) {
      let handle = try fs.open(path, .update)
      let size = try closing(handle, on: fs) { () throws(FileError) in
        let size = min(try fs.size(handle), largest)
        try read(handle, size, log, on: fs, into: &notes)
        return size
      }
      file = NotesFile(path: path, log: log, handle: handle, end: (size + 63) & ~63)
    } catch  where error.code == missingFile {
      let handle = try fs.open(path, .create)
      try closing(handle, on: fs) { () throws(FileError) in
        try fs.synchronizeDirectory(directory)
      }
      file = NotesFile(path: path, log: log, handle: handle, end: 0)
    }
    return (file, notes)
  }

  /// Runs `body`; the file is closed if it throws.
  private static func closing<Result>(
    _ handle: FileHandle, on fs: any FileSystem, _ body: () throws(FileError) -> Result
  ) throws(FileError) -> Result {
    do throws(FileError) { return try body() } catch {
      fs.close(handle)
      throw error
    }
  }

  /// The notes as they stand, for inspection; none if there is no file.
  static func peek(
    in directory: String, log: LogKind, on fs: any FileSystem
  ) throws(FileError) -> Notes {
    var notes = Notes()
    do throws(FileError) {
      let handle = try fs.open(directory + "/" + fileName, .read)
      defer { fs.close(handle) }
      try read(handle, min(try fs.size(handle), largest), log, on: fs, into: &notes)
    } catch  where error.code == missingFile {}
    return notes
  }

  var isLong: Bool { end > max(NotesFile.rewriteSize, 2 * rewrittenEnd) }

  private static func read(
    _ handle: FileHandle, _ size: UInt64, _ log: LogKind, on fs: any FileSystem,
    into notes: inout Notes
  ) throws(FileError) {
    var buffer = FlatBuffer(capacity: Int(size))
    buffer.reserve(Int(size))
    let got = try fs.read(handle, into: .init(rebasing: buffer.space[0..<Int(size)]), at: 0)
    buffer.setCount(got)
    var at = 0
    while at + entrySize <= got {
      if let note = decode(buffer.bytes.part(at..<(at + entrySize)), log) { notes.fold(note) }
      at += entrySize
    }
  }

  /// A new file with just these notes takes this one's place; the caller has the directory synced
  /// with its next commit. Should a power cut take the name before, the long file is there again:
  /// it tells the same.
  func rewritten(
    _ notes: Notes, on fs: any FileSystem
  ) throws(FileError) -> NotesFile {
    let fresh = path + ".new"
    do throws(FileError) { try fs.remove(fresh) } catch  where error.code == Self.missingFile {}
    var file = NotesFile(path: path, log: log, handle: try fs.open(fresh, .create), end: 0)
    try Self.closing(file.handle, on: fs) { () throws(FileError) in
      try file.append(notes.all, on: fs)
      file.rewrittenEnd = file.end
      try fs.synchronize(file.handle)
      try fs.rename(fresh, to: path)
    }
    fs.close(handle)
    return file
  }

  mutating func append(_ notes: [Note], on fs: any FileSystem) throws(FileError) {
    guard !notes.isEmpty else { return }
    var bytes = [UInt8](repeating: 0, count: notes.count * NotesFile.entrySize)
    let result = bytes.withUnsafeMutableBytes { out -> Result<Void, FileError> in
      for (index, note) in notes.enumerated() {
        let start = index * NotesFile.entrySize
        NotesFile.encode(
          note, log, into: .init(rebasing: out[start..<(start + NotesFile.entrySize)]))
      }
      do throws(FileError) {
        return .success(try fs.write(handle, UnsafeRawBufferPointer(out), at: end))
      } catch { return .failure(error) }
    }
    try result.get()
    end += UInt64(bytes.count)
  }

  func synchronize(on fs: any FileSystem) throws(FileError) { try fs.synchronize(handle) }
  func close(on fs: any FileSystem) { fs.close(handle) }

  private static func encode(_ note: Note, _ log: LogKind, into out: UnsafeMutableRawBufferPointer)
  {
    let (kind, name, end): (UInt8, SegmentName, Offset) =
      switch note {
      case .durable(let name, let end): (1, name, end)
      case .damaged(let name, let until): (2, name, until)
      case .uptime(let total): (3, SegmentName(of: nil, log), Offset(total))
      case .seen(let node, let at): (4, SegmentName(of: node, log), Offset(at))
      }
    out.putLittle(magic, at: 0)
    out[4] = kind
    out[5] = log.rawValue
    out.putLittle(name.node.value.high.byteSwapped, at: 8)
    out.putLittle(name.node.value.low.byteSwapped, at: 16)
    out.putLittle(name.serial.value, at: 24)
    out.putLittle(name.nonce.value, at: 32)
    out.putLittle(end.value, at: 40)
    out.putLittle(XXH64.hash(UnsafeRawBufferPointer(out).part(0..<56)), at: 56)
  }

  private static func decode(_ bytes: UnsafeRawBufferPointer, _ log: LogKind) -> Note? {
    guard bytes.little(0, as: UInt32.self) == magic,
      XXH64.hash(bytes.part(0..<56)) == bytes.little(56, as: UInt64.self),
      bytes[5] == log.rawValue
    else { return nil }
    let id = ID128(
      high: bytes.little(8, as: UInt64.self).byteSwapped,
      low: bytes.little(16, as: UInt64.self).byteSwapped)
    let name = SegmentName(
      node: NodeID(id), log: log, serial: Serial(bytes.little(24)), nonce: Nonce(bytes.little(32)))
    let end = Offset(bytes.little(40))
    switch bytes[4] {
    case 1: return .durable(name, end: end)
    case 2: return .damaged(name, until: end)
    case 3: return .uptime(end.value)
    case 4: return .seen(name.node, at: end.value)
    default: return nil
    }
  }

  /// ENOENT is 2 on every system that we run on.
  static let missingFile: Int32 = 2
}

extension SegmentName {
  /// In a note that is of no segment, or of a whole node.
  fileprivate init(of node: NodeID?, _ log: LogKind) {
    self.init(
      node: node ?? NodeID(ID128(high: 0, low: 0)), log: log, serial: Serial(0), nonce: Nonce(0))
  }
}
