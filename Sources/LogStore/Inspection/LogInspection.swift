// Looks at a log's directory, or at one segment's file, without touching either: opens for reading
// only, takes no lock, and judges by the same table as recovery. The directory may be in use: a
// tail that grows is looked at again, and a file that vanished is no error.

package struct LogInspection: ~Copyable {
  package enum State: Int, Comparable, Sendable {
    case sound
    /// A tail that was never durable; the next start cuts it off.
    case torn
    /// Durable bytes are damaged or missing.
    case corrupt

    package static func < (a: State, b: State) -> Bool { a.rawValue < b.rawValue }
    package var word: String {
      switch self {
      case .sound: "sound"
      case .torn: "torn"
      case .corrupt: "corrupt"
      }
    }
  }

  package struct Segment: Sendable {
    package var name: SegmentName
    package var path: String
    package var isOwn: Bool
    /// The nonce of the writer's segment before.
    package var previous: Nonce?
    package var hasHeader: Bool
    package var size: UInt64
    /// After the last intact frame.
    package var end: Offset
    package var records: Ordinal
    /// How far it was durable here, by all that may be believed.
    package var durable: Offset
    /// Intact frames behind damage.
    package var behind: Int
    package var state: State
    /// In words; nil if there is nothing to say.
    package var trouble: String?
  }

  package let directory: String
  package let log: LogKind
  /// Sorted by name.
  package private(set) var segments: [Segment] = []
  /// Damaged files that an earlier start set aside.
  package private(set) var setAside: [String] = []
  /// Names of segments that are damaged and not here at all.
  package private(set) var missing: [SegmentName] = []
  package private(set) var vanished: [String] = []
  let files: any FileSystem
  private var recovery: Recovery
  private var decoder = PayloadDecoder()

  private init(
    _ directory: String, log: LogKind, on fs: any FileSystem, _ recovery: consuming Recovery
  ) {
    self.directory = directory
    self.log = log
    files = fs
    self.recovery = recovery
  }

  /// Reads the directory; only `file` of it, if that is given. `node` is whose directory it is,
  /// nil if nobody knows: then every segment counts as its own writer's.
  package static func read(
    _ directory: String, only file: String? = nil, node: NodeID?, on fs: any FileSystem
  ) throws(LogError) -> LogInspection {
    let listed = try LogError.io { () throws(FileError) in try fs.list(directory) }
    let chosen = file.map { [$0] } ?? listed
    let log = kind(of: chosen, in: directory, on: fs)
    var recovery = Recovery(
      directory, on: fs, node: node ?? NodeID(ID128(high: 0, low: 0)), log: log, bugs: [])
    // First, so that what they say of a log in use is not ahead of what its files will show.
    recovery.notes = try LogError.io { () throws(FileError) in
      try NotesFile.peek(in: directory, log: log, on: fs)
    }
    var inspection = LogInspection(directory, log: log, on: fs, recovery)
    try inspection.look(at: chosen)
    inspection.judge(node)
    if file == nil { inspection.findMissing() }
    return inspection
  }

  private mutating func look(at chosen: [String]) throws(LogError) {
    for file in chosen {
      guard let (name, suffix) = SegmentFileName.parse(file, log: log) else { continue }
      if suffix.hasPrefix(SegmentFileName.damagedSuffix) { setAside.append(file) }
      guard suffix == SegmentFileName.suffix else { continue }
      if try !look(name, file) { vanished.append(file) }
    }
  }

  private mutating func findMissing() {
    let held = Set(segments.map(\.name))
    missing = recovery.notes.damaged.keys.filter { !held.contains($0) }.sorted()
  }

  /// The worst of all.
  package var state: State {
    missing.isEmpty ? segments.map(\.state).max() ?? .sound : .corrupt
  }

  /// Looks again at what isn't sound: a log in use was caught in the middle of a write.
  package mutating func lookAgain(node: NodeID?) throws(LogError) {
    for segment in segments where segment.state != .sound {
      let file = SegmentFileName.file(segment.name)
      if try !look(segment.name, file) {
        vanished.append(file)
        recovery.forget(segment.name)
      }
    }
    judge(node)
  }

  /// False if the file is not there any more.
  private mutating func look(_ name: SegmentName, _ file: String) throws(LogError) -> Bool {
    do throws(LogError) {
      let scan = try SegmentScan.scan(
        name, path: directory + "/" + file, on: files, decoder: &decoder
      ) { _, _, _ in }
      recovery.consider(scan)
      return true
    } catch .io(let error) where error.isMissing {
      return false
    }
  }

  private mutating func judge(_ node: NodeID?) {
    segments = recovery.scans.sorted { $0.name < $1.name }.map { scan in
      let isOwn = node == nil || scan.name.node == node
      var durable = recovery.believedEnd(scan)
      var finding = recovery.finding(scan)
      if node == nil {
        durable = max(durable, scan.testified)
        finding.writer = .thisNode
        finding.reach = scan.end >= durable ? .all : .short
      }
      var segment = Segment(
        name: scan.name, path: scan.path, isOwn: isOwn, previous: scan.header?.previous,
        hasHeader: scan.header != nil, size: scan.size, end: Offset(scan.end),
        records: scan.records, durable: Offset(durable), behind: scan.behind.count, state: .sound)
      segment.judge(finding.decision, scan, recovery.notes.damaged[scan.name])
      return segment
    }
  }

  /// By the files' own headers; by the directory's name if none can be read.
  private static func kind(
    of files: [String], in directory: String, on fs: any FileSystem
  ) -> LogKind {
    for file in files where SegmentFileName.parse(file, log: .facts) != nil {
      guard let handle = try? fs.open(directory + "/" + file, .read) else { continue }
      defer { fs.close(handle) }
      var bytes = [UInt8](repeating: 0, count: Format.segmentHeaderSize)
      let got = bytes.withUnsafeMutableBytes { (try? fs.read(handle, into: $0, at: 0)) ?? 0 }
      guard got == bytes.count else { continue }
      let header = bytes.withUnsafeBytes { try? SegmentHeader(decoding: $0) }
      if let header { return header.name.log }
    }
    let name = directory.split(separator: "/").last ?? ""
    return name == "archives" ? .archives : .facts
  }
}

extension LogInspection.Segment {
  fileprivate mutating func judge(
    _ decision: RecoveryDecision, _ scan: SegmentScan, _ damagedUntil: Offset?
  ) {
    let cause: String
    if case .damage(let fault) = scan.tail { cause = "\(fault)" } else { cause = "it ends there" }
    switch decision {
    case .keep, .trim: break
    case .discard: trouble = "never used"
    case .cutTornTail, .cutAndFetch:
      state = .torn
      trouble = "\(size - end.value) bytes from \(end) on were never durable: \(cause)"
    case .quarantine, .awaitHealing:
      state = .corrupt
      trouble =
        "durable up to \(durable), but intact only up to \(end): \(cause); "
        + "\(behind) intact frames behind"
    }
    if state == .sound, let damagedUntil, damagedUntil > end {
      state = .corrupt
      trouble = "cut short by damage and not healed yet; it once reached \(damagedUntil)"
    }
  }
}
