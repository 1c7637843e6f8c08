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

  /// Intact frames behind damage: only as many words as a directory full of them may cost.
  package struct Behind: Hashable, Sendable {
    package var frames = 0
    package var records: UInt64 = 0
    package var first: Offset?
  }

  package struct Segment: Sendable {
    package var name: SegmentName
    package var path: String
    package var isOwn: Bool
    /// A retirement that stands in this log says that it may be drained.
    package var isRetired = false
    /// The nonce of the writer's segment before.
    package var previous: Nonce?
    package var hasHeader: Bool
    package var size: UInt64
    /// After the last intact frame.
    package var end: Offset
    /// The checksum of the frame that ends there: of equal (end, chain) the prefixes are equal.
    package var chain: Checksum
    package var records: Ordinal
    /// How far it was durable here, by all that may be believed.
    package var durable: Offset
    package var behind: Behind
    /// What a start would do with the file.
    package var decision: RecoveryDecision
    /// What is wrong behind the end.
    package var fault: DecodeFault?
    package var state: State
    /// In words; nil if there is nothing to say.
    package var trouble: String?
  }

  package typealias Visit = (Position, RecordKind, UnsafeRawBufferPointer) -> Void

  package let directory: String
  package let log: LogKind
  /// Sorted by name.
  package private(set) var segments: [Segment] = []
  /// Damaged files that an earlier start set aside.
  package private(set) var setAside: [String] = []
  /// Names of segments that are damaged and not here at all.
  package private(set) var missing: [SegmentName] = []
  package private(set) var vanished: [String] = []
  /// Files that can't be read or are of a newer version.
  package private(set) var unreadable: [(file: String, error: LogError)] = []
  let files: any FileSystem
  private var recovery: Recovery
  private var decoder = PayloadDecoder()
  private(set) var retirements = RetirementTable()
  private var behind: [SegmentName: Behind] = [:]

  private init(
    _ directory: String, log: LogKind, on fs: any FileSystem, _ recovery: consuming Recovery
  ) {
    self.directory = directory
    self.log = log
    files = fs
    self.recovery = recovery
  }

  /// Reads the directory; only `file` of it, if that is given: a segment's file under whatever name
  /// it has now. `node` is whose directory it is, nil if nobody knows: then every segment counts as
  /// its own writer's. `visit` gets every record of the unbroken chains.
  package static func read(
    _ directory: String, only file: String? = nil, node: NodeID?, on fs: any FileSystem,
    visit: Visit = { _, _, _ in }
  ) throws(LogError) -> LogInspection {
    let listed = try LogError.io { () throws(FileError) in
      if let file { [file] } else { try fs.list(directory) }
    }
    let log = kind(of: listed, in: directory, on: fs)
    var recovery = Recovery(
      directory, on: fs, node: node ?? NodeID(ID128(high: 0, low: 0)), log: log, bugs: [])
    // First, so that what they say of a log in use is not ahead of what its files will show.
    let notes = try LogError.io { () throws(FileError) in
      try NotesFile.peek(in: directory, log: log, on: fs)
    }
    let named = file.flatMap { SegmentFileName.parse($0, log: log) }
    // The notes don't mean a file that was set aside or renamed, but the one in its place.
    if file == nil || named?.suffix == SegmentFileName.suffix { recovery.notes = notes }
    var inspection = LogInspection(directory, log: log, on: fs, recovery)
    if let file {
      let name = if let named { named.name } else { try name(of: file, in: directory, on: fs) }
      if try !inspection.look(name, directory + "/" + file, visit) {
        inspection.vanished.append(file)
      }
      inspection.judge(node)
    } else {
      inspection.look(at: listed, visit)
      inspection.judge(node)
      inspection.findMissing()
    }
    return inspection
  }

  private mutating func look(at files: [String], _ visit: Visit) {
    for file in files {
      guard let (name, suffix) = SegmentFileName.parse(file, log: log) else { continue }
      if suffix.hasPrefix(SegmentFileName.damagedSuffix) { setAside.append(file) }
      guard suffix == SegmentFileName.suffix else { continue }
      do throws(LogError) {
        if try !look(name, directory + "/" + file, visit) { vanished.append(file) }
      } catch {
        unreadable.append((file, error))
      }
    }
  }

  /// Noted as damaged and never healed here. Notes outlive a segment that was healed and drained:
  /// nobody misses what is retired.
  private mutating func findMissing() {
    let known = Set(segments.map(\.name)).union(
      unreadable.compactMap { SegmentFileName.parse($0.file, log: log)?.name })
    missing = recovery.notes.damaged.keys.filter { name in
      !known.contains(name) && retirements.isRetired(name) == nil
    }.sorted()
  }

  /// The worst of all.
  package var state: State {
    missing.isEmpty ? segments.map(\.state).max() ?? .sound : .corrupt
  }

  /// Looks again at what isn't sound: a log in use was caught in the middle of a write.
  package mutating func lookAgain(node: NodeID?) throws(LogError) {
    for segment in segments where segment.state != .sound {
      if try !look(segment.name, segment.path, { _, _, _ in }) {
        vanished.append(SegmentFileName.file(segment.name))
        recovery.forget(segment.name)
      }
    }
    judge(node)
  }

  /// False if the file is not there any more.
  private mutating func look(
    _ name: SegmentName, _ path: String, _ visit: Visit
  ) throws(LogError) -> Bool {
    do throws(LogError) {
      var scan = try SegmentScan.scan(
        name, path: path, on: files, decoder: &decoder
      ) { position, kind, payload in
        if kind.isLogStores { retirements.fold(kind, payload, sequence: .zero) }
        visit(position, kind, payload)
      }
      // Many damaged files must not fill the memory.
      behind[name] = Behind(
        frames: scan.behind.count,
        records: scan.behind.reduce(0) { $0 + UInt64($1.header.count) },
        first: scan.behind.first.map { Offset($0.offset) })
      scan.behind = []
      scan.index = SparseIndex()
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
        chain: scan.chain, records: scan.records, durable: Offset(durable),
        behind: behind[scan.name] ?? Behind(), decision: finding.decision, state: .sound)
      if case .damage(let fault) = scan.tail { segment.fault = fault }
      segment.isRetired = retirements.isRetired(scan.name) != nil
      segment.judge(finding.decision, scan, recovery.notes.damaged[scan.name])
      return segment
    }
  }

  /// By the files' own headers; by the directory's name if none can be read.
  static func kind(
    of files: [String], in directory: String, on fs: any FileSystem
  ) -> LogKind {
    for file in files where files.count == 1 || SegmentFileName.parse(file, log: .facts) != nil {
      if let header = try? header(of: file, in: directory, on: fs).get() { return header.name.log }
    }
    let name = directory.split(separator: "/").last ?? ""
    return name == "archives" ? .archives : .facts
  }

  /// What the file itself says it is.
  static func name(
    of file: String, in directory: String, on fs: any FileSystem
  ) throws(LogError) -> SegmentName {
    switch try header(of: file, in: directory, on: fs) {
    case .success(let header): return header.name
    case .failure(let fault): throw .damaged(path: directory + "/" + file, at: .zero, fault)
    }
  }

  private static func header(
    of file: String, in directory: String, on fs: any FileSystem
  ) throws(LogError) -> Result<SegmentHeader, DecodeFault> {
    try LogError.io { () throws(FileError) in
      let handle = try fs.open(directory + "/" + file, .read)
      defer { fs.close(handle) }
      var buffer = FlatBuffer(capacity: Format.segmentHeaderSize)
      let space = UnsafeMutableRawBufferPointer(
        rebasing: buffer.space[0..<Format.segmentHeaderSize])
      buffer.setCount(try fs.read(handle, into: space, at: 0))
      return Result { () throws(DecodeFault) in try SegmentHeader(decoding: buffer.bytes) }
    }
  }
}

extension LogInspection.Segment {
  fileprivate mutating func judge(
    _ decision: RecoveryDecision, _ scan: SegmentScan, _ damagedUntil: Offset?
  ) {
    let cause: String
    if case .damage(let fault) = scan.tail { cause = "\(fault)" } else { cause = "it ends there" }
    let frames = behind.frames == 1 ? "1 intact frame" : "\(behind.frames) intact frames"
    switch decision {
    case .keep, .trim: break
    case .discard: trouble = "never used; the next start removes it"
    case .cutTornTail:
      state = .torn
      trouble =
        "\(size - end.value) bytes from \(end) on, of which nothing says that they were durable "
        + "(\(cause)); the next start cuts them off"
    case .cutAndFetch:
      state = .torn
      trouble =
        "\(size - end.value) bytes from \(end) on, of which nothing says that they were durable "
        + "here (\(cause)); the next start cuts them off and fetches them from another node"
    case .quarantine:
      state = .corrupt
      trouble =
        "durable up to \(durable), intact only up to \(end) (\(cause)), \(frames) behind; the next "
        + "start sets the file aside, keeps what is intact and heals the rest from another node"
    case .awaitHealing:
      state = .corrupt
      trouble =
        "durable up to \(durable), but it ends at \(end); the rest has to come from another node"
    }
    // A tail that the next start cuts off is nothing beside it.
    if state != .corrupt, let damagedUntil, damagedUntil > end {
      state = .corrupt
      trouble =
        "cut short by damage and not healed yet; it once reached \(damagedUntil), and the rest has "
        + "to come from another node"
    }
  }
}
