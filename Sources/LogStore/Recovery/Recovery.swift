// Carries out what RecoveryDecision says at start: reads every file, cuts, keeps aside, syncs. It
// owns the order of these acts: nothing is said of what was recovered before it is synced, and a
// damaged file is moved only after what was salvaged from it is durable elsewhere.

struct Recovery: ~Copyable {
  let directory: String
  let fs: any FileSystem
  let node: NodeID
  let log: LogKind
  let bugs: PlantedBugs

  private(set) var scans: [SegmentScan] = []
  var report = RecoveryReport()
  var retirements = RetirementTable()
  /// What the checkpoint that this start uses counts; nil if it uses none.
  private(set) var marks: [SegmentName: SegmentMark]?
  /// The highest serial of this node that any file or note names.
  private(set) var highestSerial: Serial?
  var notes = Notes()
  /// Damage that this start found and that no note tells yet.
  private(set) var freshDamage: [Note] = []
  private var decoder = PayloadDecoder()

  init(
    _ directory: String, on fs: any FileSystem, node: NodeID, log: LogKind, bugs: PlantedBugs
  ) {
    self.directory = directory
    self.fs = fs
    self.node = node
    self.log = log
    self.bugs = bugs
  }

  func path(_ file: String) -> String { directory + "/" + file }

  // MARK: reading

  /// Reads every segment of the directory. `visit` gets each record that stands in an unbroken
  /// chain; whatever is decided later, those stay.
  mutating func scan(visit: SegmentScan.Visit) throws(LogError) {
    let files = try LogError.io { () throws(FileError) in
      try finishQuarantines(fs.list(directory))
      let files = try fs.list(directory)
      if files.contains(CheckpointFormat.freshName) {
        try fs.remove(path(CheckpointFormat.freshName))
      }
      return files
    }
    let marks = useCheckpoint(Set(files), visit: visit)
    if case .used = report.checkpoint { self.marks = marks }
    for name in marks.keys { note(serialOf: name) }
    for file in files {
      guard let (name, suffix) = SegmentFileName.parse(file, log: log) else { continue }
      note(serialOf: name)
      guard suffix == SegmentFileName.suffix else { continue }
      var retirements = RetirementTable()
      var count: UInt64 = 0
      swap(&retirements, &self.retirements)
      defer { swap(&retirements, &self.retirements) }
      let scan = try SegmentScan.scan(
        name, path: path(file), from: marks[name], on: fs, decoder: &decoder
      ) {
        count += 1
        retirements.fold($1, $2, sequence: .zero)
        visit($0, $1, $2)
      }
      report.records += count
      report.bytes += scan.end - scan.checkpointed
      scans.append(scan)
    }
    for name in notes.durable.keys { note(serialOf: name) }
    for name in notes.damaged.keys { note(serialOf: name) }
  }

  /// A copy of a valid prefix whose damaged file was set aside already takes its place, as the
  /// quarantine would have done had it not been cut off; any other is a rest.
  private func finishQuarantines(_ files: [String]) throws(FileError) {
    for file in files {
      guard let (name, suffix) = SegmentFileName.parse(file, log: log),
        suffix == SegmentFileName.freshSuffix
      else { continue }
      let stem = SegmentFileName.stem(name)
      let isSetAside = files.contains { $0.hasPrefix(stem + SegmentFileName.damagedSuffix) }
      if isSetAside, !files.contains(SegmentFileName.file(name)) {
        try fs.rename(path(file), to: path(SegmentFileName.file(name)))
      } else {
        try fs.remove(path(file))
      }
      try fs.synchronizeDirectory(directory)
    }
  }

  /// For inspection, which reads files by itself: a scan to be judged with the others.
  mutating func consider(_ scan: SegmentScan) {
    scans.removeAll { $0.name == scan.name }
    scans.append(scan)
  }

  mutating func forget(_ name: SegmentName) { scans.removeAll { $0.name == name } }

  private mutating func note(serialOf name: SegmentName) {
    guard name.node == node else { return }
    highestSerial = max(highestSerial ?? name.serial, name.serial)
  }

  // MARK: deciding

  /// How far `scan`'s segment was durable here, by everything that may be believed about it.
  func believedEnd(_ scan: SegmentScan) -> UInt64 {
    let noted = max(notes.durable[scan.name]?.value ?? 0, scan.checkpointed)
    guard writtenHere(scan.name) else {
      // Damage that was noted and not set aside, for want of space (or the copy's own durable end
      // would have been noted): what is intact behind it has not been salvaged yet.
      if let until = notes.damaged[scan.name], notes.durable[scan.name] == nil,
        !scan.behind.isEmpty
      {
        return max(noted, until.value)
      }
      return bugs.contains(.foreignDurableEndsTrusted) ? max(noted, scan.testified) : noted
    }
    if bugs.contains(.corruptionTakenForTornTail) { return 0 }
    let later = scans.first { $0.name.node == node && $0.header?.previous == scan.name.nonce }
    return max(noted, scan.testified, later?.previousEnd ?? 0)
  }

  /// A copy that damage once cut short is healed from others, so its frames testify no more about
  /// this disk than those of a copy of another's segment.
  private func writtenHere(_ name: SegmentName) -> Bool {
    name.node == node && notes.damaged[name] == nil
  }

  func finding(_ scan: SegmentScan) -> RecoveryFinding {
    let tail: RecoveryFinding.Tail =
      switch scan.tail {
      case .nothing: .nothing
      case .zeros: .zeros
      case .damage: .damage
      }
    return RecoveryFinding(
      writer: writtenHere(scan.name) ? .thisNode : .another,
      header: scan.header == nil ? .unreadable : .intact, tail: tail,
      reach: scan.end >= believedEnd(scan) ? .all : .short)
  }

  // MARK: acting

  /// Cuts, removes and syncs. Returns the copies that the log starts with, and what is to be
  /// salvaged.
  mutating func settle() throws(LogError) -> (copies: [Copy], salvage: [Salvage]) {
    var copies: [Copy] = []
    var salvage: [Salvage] = []
    for scan in scans {
      let decision = finding(scan).decision
      report.findings.append(entry(scan, decision))
      var until = notes.damaged[scan.name]
      switch decision {
      case .keep:
        try synchronize(scan, cut: false)
      case .trim, .cutTornTail, .cutAndFetch:
        try synchronize(scan, cut: true)
      case .awaitHealing:
        try synchronize(scan, cut: true)
        let reached = max(until ?? .zero, Offset(believedEnd(scan)))
        if reached != until { freshDamage.append(.damaged(scan.name, until: reached)) }
        until = reached
      case .quarantine:
        until = max(
          until ?? .zero, Offset(max(believedEnd(scan), scan.behind.last?.header.end ?? 0)))
        salvage.append(Salvage(scan: scan, index: report.findings.count - 1, until: until ?? .zero))
      case .discard:
        try LogError.io { () throws(FileError) in try fs.remove(scan.path) }
      }
      if let until, until > Offset(scan.end), decision == .keep {
        report.unhealed.append(scan.name)
      }
      guard decision != .discard, scan.header != nil else { continue }
      copies.append(Copy(end: scan.ends, damagedUntil: until))
    }
    if !bugs.contains(.recoveredUnsynced) {
      try LogError.io { () throws(FileError) in try fs.synchronizeDirectory(directory) }
    }
    return (copies, salvage)
  }

  private func entry(
    _ scan: SegmentScan, _ decision: RecoveryDecision
  ) -> RecoveryReport.Finding {
    var finding = RecoveryReport.Finding(
      segment: scan.name, decision: decision, end: Offset(scan.end), behind: scan.size - scan.end,
      durable: Offset(believedEnd(scan)))
    if case .damage(let fault) = scan.tail { finding.fault = fault }
    return finding
  }

  private func synchronize(_ scan: SegmentScan, cut: Bool) throws(LogError) {
    if bugs.contains(.recoveredUnsynced) && !cut { return }
    if !cut, scan.checkpointed == scan.end { return }
    let known = bugs.contains(.recoveredUnsynced) ? scan.end : min(believedEnd(scan), scan.end)
    try LogError.io { () throws(FileError) in
      if known == 0, scan.end > 0, try renew(scan) { return }
      let handle = try fs.open(scan.path, .update)
      defer { fs.close(handle) }
      try rewrite(scan, from: known, to: handle)
      if cut { try fs.truncate(handle, to: scan.end) }
      if !bugs.contains(.recoveredUnsynced) { try fs.synchronize(handle) }
    }
  }

  /// A sync that failed before this start may have left bytes that everybody reads and that no
  /// later sync writes, for the system takes them for written. So what nothing testifies to be
  /// durable is written again before it is synced.
  private func rewrite(
    _ scan: SegmentScan, from start: UInt64, to handle: FileHandle
  ) throws(FileError) {
    var buffer = FlatBuffer(capacity: start < scan.end ? 256 * 1024 : 0)
    var at = start
    while at < scan.end {
      let part = Int(min(UInt64(buffer.capacity), scan.end - at))
      let space = UnsafeMutableRawBufferPointer(rebasing: buffer.space[0..<part])
      buffer.setCount(try fs.read(handle, into: space, at: at))
      guard buffer.count > 0 else { throw FileError(.read, scan.path, Errno.inputOutput) }
      try fs.write(handle, buffer.bytes, at: at)
      at += UInt64(buffer.count)
    }
  }

  /// The same for a file of which nothing at all is testified, not even its name: a copy under a
  /// new entry takes its place. Cut off half-way, the copy is removed by the next start. False
  /// without space for it: a full disk must not keep a log from opening.
  private func renew(_ scan: SegmentScan) throws(FileError) -> Bool {
    let fresh = path(SegmentFileName.stem(scan.name) + SegmentFileName.freshSuffix)
    do throws(FileError) { try fs.copyPrefix(of: scan.path, to: fresh, count: scan.end) } catch {
      guard error.isFull else { throw error }
      return false
    }
    try fs.rename(fresh, to: scan.path)
    return true
  }

  mutating func salvaged(_ item: Salvage, frames: Int, records: Int, kept: String) {
    report.findings[item.index].salvagedFrames = frames
    report.findings[item.index].salvagedRecords = records
    report.findings[item.index].quarantine = kept
  }
}

/// A damaged file: what is to be taken from it, and how far its segment once reached.
struct Salvage: Sendable {
  var scan: SegmentScan
  /// Its entry in the report.
  var index: Int
  var until: Offset
}
