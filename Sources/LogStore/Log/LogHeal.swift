// Damage that is found while the log is in use: the file is kept aside, what is intact in it stays
// or is appended again, the copy is shorter from then on and healed by bytes that others give,
// verified like any. Everything else goes on. (At a start Recovery does the same.)

extension Log {
  /// Looks at a copy that a read found damaged. `visit` gets each record that stood behind the
  /// damage, with its new place in the open segment. Then `rescue` is told from which ordinal
  /// on the copy will be short, and may append what it knows of that; if it throws, the copy
  /// stays. Nil if the copy reads well now, or went. Throws `.full` without space and `.notDrained`
  /// if the copy grew meanwhile: then it stands as it was, and may be looked at again.
  public func setAsideDamage(
    in name: SegmentName, visit: Visit,
    rescue: (Ordinal) throws(LogError) -> Void = { _ throws(LogError) in }
  ) throws(LogError) -> RecoveryReport.Finding? {
    try cleaning.withLock { _ throws(LogError) in
      if let fullness { throw .full(fullness) }
      // What rots while it is open is left first; so nobody writes to the file.
      if openSegment == name { seal() }
      try commit()
      guard let before = state.withLock({ $0[name] }), openSegment != name else { return nil }
      var decoder = PayloadDecoder()
      let scan = try SegmentScan.scan(
        name, path: path(of: name), limit: before.end.end.value, on: fs, decoder: &decoder
      ) { _, _, _ in }
      guard scan.header == nil || scan.end < before.end.end.value else { return nil }
      let (records, kept) = try withPrefix(of: scan) { () throws(LogError) in
        let records = try salvage(scan, visit)
        try rescue(scan.records)
        try commit()
        // It counts more of the copy than there will be.
        dropCheckpoint()
        return (records, try replace(before, by: scan))
      }
      var finding = RecoveryReport.Finding(
        segment: name, decision: .quarantine, end: Offset(scan.end),
        behind: scan.size - scan.end, durable: before.end.end)
      if case .damage(let fault) = scan.tail { finding.fault = fault }
      finding.quarantine = kept
      finding.salvagedFrames = scan.behind.count
      finding.salvagedRecords = records
      return finding
    }
  }

  /// The segment whose file is at `path`, if it is one of this log's directory.
  public func segment(at path: String) -> SegmentName? {
    guard path.hasPrefix(directory + "/"),
      let (name, suffix) = SegmentFileName.parse(
        String(path.dropFirst(directory.utf8.count + 1)), log: kind),
      suffix == SegmentFileName.suffix
    else { return nil }
    return name
  }

  private func replace(_ before: Copy, by scan: SegmentScan) throws(LogError) -> String {
    try syncing.withLock { _ throws(LogError) in
      try files.withLock { files throws(LogError) in
        let name = scan.name
        guard let now = state.withLock({ $0[name] }), now.end.end == before.end.end else {
          throw .notDrained(name, .changedSinceExamined)
        }
        let until = max(before.damagedUntil ?? .zero, before.end.end)
        let kept = try setAside(Salvage(scan: scan, index: 0, until: until), &files)
        if let file = files.open.removeValue(forKey: name) { fs.close(file.handle) }
        files.indexes[name] = scan.header == nil ? nil : scan.index
        state.withLock { state in
          if scan.header == nil {
            state.remove(name)
            state.missing[name] = until
          } else {
            // Its bytes are others' to give from now on, whoever wrote them.
            state.update(
              Copy(end: scan.ends, lastSequence: before.lastSequence, damagedUntil: until))
          }
        }
        return kept
      }
    }
  }
}
