import LogStore

// What the engine does at a start, done by hand: the engine's own recovery is run on a copy of the
// directory, or in place once a copy is made and proven. It promises that a source that is only
// copied is not changed, and that a target's name appears only when all of it is there.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct Repair {
  enum Target: Equatable {
    /// Only tell.
    case dryRun
    /// A repaired copy.
    case into(String)
    case inPlace(backup: String)
  }

  /// What was found about one segment, and what is (or would be) done.
  struct Finding: Equatable {
    var segment: SegmentName
    var decision: RecoveryDecision
    var end: UInt64
    var behind: UInt64
    var durable: UInt64
    var fault: DecodeFault?
    /// Where the damaged file is kept.
    var kept: String?
    var salvagedFrames: Int
    var salvagedRecords: UInt64
  }

  let source: String
  let target: Target
  private let fs: any FileSystem
  private(set) var findings: [Finding] = []
  /// Cut short by damage of an earlier start.
  private(set) var unhealed: [SegmentName] = []
  private(set) var skipped: [String] = []

  init(_ source: String, _ target: Target, on fs: any FileSystem) {
    self.source = source
    self.target = target
    self.fs = fs
  }

  /// By the worst that was found.
  var status: Int32 {
    let decisions = Set(findings.map(\.decision))
    if !unhealed.isEmpty || decisions.contains(.quarantine) || decisions.contains(.awaitHealing) {
      return Status.damaged
    }
    return decisions.contains(.cutTornTail) || decisions.contains(.cutAndFetch)
      ? Status.torn : Status.fine
  }

  mutating func run() throws(Denial) {
    let lock = try takeLock()
    defer { if let lock { fs.close(lock) } }
    guard
      try refusing({ () throws(LogError) in try NodeDirectory.identity(of: source, on: fs) })
        != nil
    else {
      throw Denial(
        status: Status.noLog, text: "\(source) has no IDENTITY: it is not a node's directory")
    }
    switch target {
    case .dryRun: try look(at: source)
    case .into(let path):
      try copy(to: path) { repair, work throws(Denial) in
        try repair.recover(work, finally: path)
        try repair.check(work)
      }
    case .inPlace(let backup):
      try copy(to: backup) { _, _ throws(Denial) in }
      try recover(source, finally: source)
      try check(source)
    }
  }

  /// A running node has the lock file locked. Where there is none, no node was ever started.
  private func takeLock() throws(Denial) -> FileHandle? {
    let path = source + "/LOCK"
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    do throws(FileError) { return try fs.lock(path) } catch {
      if error.code == Errno.wouldBlock {
        throw Denial(
          status: Status.inUse,
          text: "\(source) is in use by another process: stop it first (it repairs by itself when "
            + "it starts)")
      }
      // Nobody writes on a read-only file system.
      if error.code == Errno.readOnly { return nil }
      throw Denial(status: Status.unreadable, text: "\(error)")
    }
  }

  private static let logs: [(name: String, kind: LogKind)] = [
    ("facts", .facts), ("archives", .archives),
  ]

  private func logs(of directory: String) throws(Denial) -> [(path: String, kind: LogKind)] {
    let names = try io { () throws(FileError) in try fs.list(directory) }
    return Repair.logs.filter { names.contains($0.name) }.map {
      (directory + "/" + $0.name, $0.kind)
    }
  }

  // MARK: telling

  private mutating func look(at directory: String) throws(Denial) {
    for (path, _) in try logs(of: directory) {
      try refusing { () throws(LogError) in
        let node = try NodeDirectory.identity(of: directory, on: fs)
        let found = try LogInspection.read(path, node: node, on: fs)
        if let first = found.unreadable.first { throw first.error }
        for segment in found.segments {
          findings.append(Finding(segment))
          if segment.state == .corrupt, ![.quarantine, .awaitHealing].contains(segment.decision) {
            unhealed.append(segment.name)
          }
        }
        unhealed += found.missing
      }
    }
  }

  // MARK: acting

  /// Copies into a name of its own, proves the copy, lets `work` be done there, and only then gives
  /// it its name.
  private mutating func copy(
    to target: String, _ work: (inout Repair, String) throws(Denial) -> Void
  ) throws(Denial) {
    let partial = target + ".partial"
    for path in [target, partial] {
      var status = stat()
      if lstat(path, &status) == 0 {
        throw Denial(status: Status.exists, text: "\(path) is there already")
      }
    }
    do throws(Denial) {
      let copy = try io { () throws(FileError) in
        let copy = try DirectoryCopy(from: source, to: partial, on: fs)
        try copy.copy()
        return copy
      }
      skipped = copy.skipped
      if let path = try io({ () throws(FileError) in try copy.difference() }) {
        throw Denial(
          status: Status.unreadable, text: "\(partial)/\(path) is not what was copied into it")
      }
      try work(&self, partial)
      guard rename(partial, target) == 0 else {
        throw Denial(
          status: Status.unreadable,
          text: "\(FileError(.rename, partial, errno))")
      }
      try io { () throws(FileError) in
        try fs.synchronizeDirectory(Repair.parent(of: target))
      }
    } catch {
      var refusal = error
      refusal.text += "; \(source) is unchanged, what was copied so far is in \(partial)"
      throw refusal
    }
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The engine's own recovery, as at a start. `finally` is what the directory will be called.
  private mutating func recover(_ directory: String, finally name: String) throws(Denial) {
    for (path, kind) in try logs(of: directory) {
      try refusing { () throws(LogError) in
        guard let node = try NodeDirectory.identity(of: directory, on: fs) else { return }
        var options = LogOptions()
        options.reserve = 0
        if kind == .archives { options.segmentLimit = 256 << 20 }
        options.drawNonce = { UInt64.random(in: .min ... .max) }
        var dice = SystemRandomNumberGenerator()
        // A checkpoint would spare the reading of what it counts.
        do throws(FileError) { try fs.remove(path + "/checkpoint") } catch {
          guard error.code == 2 else { throw LogError.io(error) }
        }
        let (log, report) = try Log.open(
          path, on: fs, node: node, log: kind, options: options, entropy: &dice
        ) { _, _, _ in }
        try log.close()
        findings += report.findings.map { Finding($0, from: directory, to: name) }
        unhealed += report.unhealed
      }
    }
  }

  /// Nothing torn or corrupt is left but what waits for other nodes.
  private func check(_ directory: String) throws(Denial) {
    let waits = Set(
      unhealed
        + findings.filter { $0.decision == .quarantine || $0.decision == .awaitHealing }.map(
          \.segment))
    for (path, _) in try logs(of: directory) {
      try refusing { () throws(LogError) in
        let node = try NodeDirectory.identity(of: directory, on: fs)
        let found = try LogInspection.read(path, node: node, on: fs)
        for segment in found.segments where segment.state != .sound {
          guard let fault = segment.fault ?? (waits.contains(segment.name) ? nil : .truncated)
          else { continue }
          throw .damaged(path: segment.path, at: segment.end, fault)
        }
      }
    }
  }

  // MARK: errors

  private func io<R>(_ body: () throws(FileError) -> R) throws(Denial) -> R {
    do throws(FileError) { return try body() } catch {
      throw Denial(status: Status.unreadable, text: "\(error)")
    }
  }

  private func refusing<R>(_ body: () throws(LogError) -> R) throws(Denial) -> R {
    do throws(LogError) { return try body() } catch {
      throw Denial(status: Status.unreadable, text: "\(error)")
    }
  }
}

extension Repair.Finding {
  /// What a start would do.
  init(_ segment: LogInspection.Segment) {
    self.segment = segment.name
    decision = segment.decision
    end = segment.end.value
    behind = segment.size - min(segment.size, segment.end.value)
    durable = segment.durable.value
    fault = segment.fault
    let salvages = segment.decision == .quarantine
    salvagedFrames = salvages ? segment.behind.frames : 0
    salvagedRecords = salvages ? segment.behind.records : 0
  }

  init(_ found: RecoveryReport.Finding, from work: String, to name: String) {
    segment = found.segment
    decision = found.decision
    end = found.end.value
    behind = found.behind
    durable = found.durable.value
    fault = found.fault
    kept = found.quarantine.map { path in
      path.hasPrefix(work) ? name + path.dropFirst(work.count) : path
    }
    salvagedFrames = found.salvagedFrames
    salvagedRecords = UInt64(found.salvagedRecords)
  }
}
