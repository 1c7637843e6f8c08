import LogStore

// What a repair found and did, or would do.

extension Printer {
  func repair(_ repair: Repair) {
    for finding in repair.findings where isJSON { object(finding) }
    let incidents = repair.findings.filter { $0.decision != .keep }
    if isJSON {
      for name in repair.unhealed { missing(name) }
      put(
        "repair",
        [
          ("source", .text(repair.source)), ("target", .optional(repair.target.directory)),
          ("backup", .optional(repair.target.backup)),
          ("segments", .number(UInt64(repair.findings.count))),
          ("changed", .number(UInt64(incidents.count))),
          ("unhealed", .number(UInt64(repair.unhealed.count))),
          ("state", .text(state(repair.status))),
        ])
      return
    }
    table(incidents)
    for name in repair.unhealed {
      put("\(name): damaged before and not healed yet; the rest has to come from another node")
    }
    for path in repair.skipped { put("\(path): neither a file nor a directory, not copied") }
    put(
      "\(counted(repair.findings.count, "segment")), \(incidents.count) to change: "
        + state(repair.status))
    switch repair.target {
    case .dryRun: put("nothing was changed")
    case .into(let path):
      put(
        "the repaired copy is \(path): start it instead of \(repair.source), never both of them")
    case .inPlace(let backup):
      put("\(repair.source) is repaired; what it was is in \(backup), which must not be started")
    }
  }

  private func state(_ status: Int32) -> String {
    status == Status.fine ? "sound" : status == Status.torn ? "torn" : "corrupt"
  }

  private func table(_ findings: [Repair.Finding]) {
    var table = TextTable([
      .left("SEGMENT"), .right("INTACT TO"), .right("BEHIND"), .right("DURABLE"), .left("CAUSE"),
      .left("WHAT IS DONE"),
    ])
    for finding in findings {
      table.add([
        "\(finding.segment)", "\(finding.end)", "\(finding.behind)", "\(finding.durable)",
        finding.fault.map { "\($0)" } ?? "it ends there", deed(finding),
      ])
    }
    if !table.isEmpty { put(table) }
  }

  private func deed(_ finding: Repair.Finding) -> String {
    switch finding.decision {
    case .keep: "nothing"
    case .trim: "allocated space given back"
    case .cutTornTail: "torn tail cut off, never durable"
    case .cutAndFetch: "cut off, to be fetched again"
    case .awaitHealing: "the rest has to come from another node"
    case .discard: "removed, never used"
    case .quarantine:
      "set aside\(finding.kept.map { " as \($0)" } ?? ""), "
        + "\(counted(finding.salvagedRecords, "record")) behind the damage saved"
    }
  }

  private func object(_ finding: Repair.Finding) {
    put(
      "finding",
      [
        ("segment", .text("\(finding.segment)")), ("decision", .text(finding.decision.word)),
        ("end", .number(finding.end)), ("behind", .number(finding.behind)),
        ("durable", .number(finding.durable)),
        ("fault", .optional(finding.fault.map { "\($0)" })), ("kept", .optional(finding.kept)),
        ("salvaged_frames", .number(UInt64(finding.salvagedFrames))),
        ("salvaged_records", .number(finding.salvagedRecords)),
      ])
  }
}

extension Repair.Target {
  fileprivate var directory: String? {
    if case .into(let path) = self { return path }
    return nil
  }

  fileprivate var backup: String? {
    if case .inPlace(let path) = self { return path }
    return nil
  }
}

extension RecoveryDecision {
  /// As docs/FORMAT.md calls it.
  var word: String {
    switch self {
    case .keep: "keep"
    case .trim: "trim"
    case .cutTornTail: "cut the torn tail"
    case .cutAndFetch: "cut and fetch"
    case .quarantine: "quarantine"
    case .awaitHealing: "await healing"
    case .discard: "discard"
    }
  }
}
