import LogStore
import RolesCore

// What a comparison found: the segments that differ as a table, then the totals. (Records that only
// one side has stand between, or before.)

extension Printer {
  func comparison(_ found: Comparison) {
    for (file, error) in found.unreadable { unread(file, "\(error)") }
    let differing = found.pairs.filter { $0.difference != nil }
    if isJSON { objects(differing) } else { table(differing) }
    let same = found.pairs.count - differing.count
    let a = found.lacking[.a] ?? 0
    let b = found.lacking[.b] ?? 0
    if isJSON {
      put(
        "differences",
        [
          ("segments", .number(UInt64(differing.count))), ("same", .number(UInt64(same))),
          ("records_a", .number(a)), ("records_b", .number(b)),
          ("state", .text(found.state.word)), ("complete", .flag(found.unreadable.isEmpty)),
        ])
    } else {
      put(
        "\(counted(same, "segment")) the same, \(differing.count) not; "
          + "\(counted(a, "record")) only in A, \(b) only in B"
          + (found.state == .sound ? "" : "; one of them is \(found.state.word)"))
    }
  }

  private func objects(_ pairs: [Comparison.Pair]) {
    for pair in pairs {
      put(
        "difference",
        [
          ("segment", .text("\(pair.name)")), ("node", .text("\(pair.name.node)")),
          ("difference", .text(pair.difference?.rawValue ?? "")),
          ("end_a", .optional(pair.a?.end.value)), ("end_b", .optional(pair.b?.end.value)),
          ("records_a", .optional(pair.a?.records.value)),
          ("records_b", .optional(pair.b?.records.value)),
        ])
    }
  }

  private func table(_ pairs: [Comparison.Pair]) {
    var table = TextTable([
      .left("SEGMENT"), .right("A ENDS"), .right("B ENDS"), .right("A RECORDS"),
      .right("B RECORDS"), .left("DIFFERENCE"),
    ])
    for pair in pairs {
      table.add([
        "\(pair.name)", cell(pair.a?.end), cell(pair.b?.end), cell(pair.a?.records),
        cell(pair.b?.records), words(pair.difference),
      ])
    }
    if !table.isEmpty { put(table) }
  }

  private func cell(_ value: (some CustomStringConvertible)?) -> String {
    value.map { "\($0)" } ?? "-"
  }

  private func words(_ difference: Comparison.Difference?) -> String {
    switch difference {
    case .onlyA: "only in A"
    case .onlyB: "only in B"
    case .longerA: "A has more"
    case .longerB: "B has more"
    case .diverged: "two histories"
    case nil: ""
    }
  }
}
