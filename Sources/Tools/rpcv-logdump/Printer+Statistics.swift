import LogStore
import RolesCore

// Statistics as three tables and a total, or as JSON lines with every number in full.

extension Printer {
  /// `now` in milliseconds since 1970.
  func statistics(_ found: Statistics, now: UInt64) {
    if isJSON { objects(found) } else { tables(found, now) }
  }

  // MARK: tables

  private func tables(_ found: Statistics, _ now: UInt64) {
    segments(found, now)
    put("")
    var kinds = TextTable([.left("KIND")] + Self.tallyColumns)
    for (kind, tally) in found.kinds.sorted(by: { $0.key < $1.key }) {
      kinds.add([RecordFilter.name(of: kind)] + cells(tally))
    }
    put(kinds)
    put("")
    var sessions = TextTable(
      [.left("SESSION"), .left("NAME"), .left("USER")] + Self.tallyColumns)
    for session in found.sessions {
      let id = session.name.map {
        "\("\($0.user)".prefix(8))/\("\($0.session)".prefix(8))"
      }
      sessions.add(
        [id ?? "(none)", printable(session.session), printable(session.user)]
          + cells(session.tally))
    }
    put(sessions)
    put("")
    let total = found.total
    put(
      "\(counted(found.segments.count, "segment")), \(counted(total.records, "record")): "
        + "\(Quantity.bytes(total.bytes)) of records, \(Quantity.bytes(total.live)) live, "
        + "\(Quantity.bytes(total.dead)) dead, \(Quantity.bytes(total.covered)) covered; "
        + "\(Quantity.percent(total.garbage, of: total.bytes)) garbage; "
        + "compressed to \(ratio(found.weights)): \(found.state.word)")
    if !found.knowsFacts {
      put("without the log of facts beside it nothing is known to be dead")
    }
    for (file, error) in found.unreadable { put("\(file): can't be read: \(error)") }
  }

  private static let tallyColumns: [TextTable.Column] = [
    .right("RECORDS"), .right("BYTES"), .right("LIVE"), .right("DEAD"), .right("COVERED"),
    .right("GARBAGE"),
  ]

  private func cells(_ tally: Tally) -> [String] {
    [
      "\(tally.records)", Quantity.bytes(tally.bytes), Quantity.bytes(tally.live),
      Quantity.bytes(tally.dead), Quantity.bytes(tally.covered),
      Quantity.percent(tally.garbage, of: tally.bytes),
    ]
  }

  private func segments(_ found: Statistics, _ now: UInt64) {
    var table = TextTable(
      [.left("SEGMENT"), .left("WHOSE"), .left("STATE"), .right("FILE")] + Self.tallyColumns
        + [.right("PACKED"), .right("AGE"), .right("NEWEST")])
    for segment in found.segments {
      let file = segment.found
      table.add(
        [
          "\(file.name)", (file.isOwn ? "own" : "copy") + (file.isRetired ? ", retired" : ""),
          file.state.word, Quantity.bytes(file.size),
        ] + cells(segment.tally) + [
          ratio(segment.weights), age(segment.weights.oldest, now),
          age(segment.weights.newest, now),
        ])
    }
    put(table)
  }

  private func ratio(_ weights: Weights) -> String {
    Quantity.percent(weights.stored, of: weights.raw)
  }

  private func age(_ time: UInt64?, _ now: UInt64) -> String {
    time.map { Quantity.age(milliseconds: now - min(now, $0)) } ?? "-"
  }

  private func printable(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "?" : $0 }))
  }

  // MARK: JSON

  private func objects(_ found: Statistics) {
    for segment in found.segments {
      let file = segment.found
      put(
        "segment-stats",
        [
          ("segment", .text("\(file.name)")), ("file", .text(file.path)),
          ("log", .text("\(file.name.log)")), ("own", .flag(file.isOwn)),
          ("retired", .flag(file.isRetired)), ("state", .text(file.state.word)),
          ("size", .number(file.size)), ("end", .number(file.end.value)),
        ] + fields(segment.tally) + fields(segment.weights))
    }
    for (kind, tally) in found.kinds.sorted(by: { $0.key < $1.key }) {
      put(
        "kind-stats",
        [("kind", .number(UInt64(kind.value))), ("name", .text(RecordFilter.name(of: kind)))]
          + fields(tally))
    }
    for session in found.sessions {
      put(
        "session-stats",
        [
          ("session", .optional(session.name.map { "\($0)" })),
          ("name", .text(session.session)), ("user", .text(session.user)),
        ] + fields(session.tally))
    }
    for (file, error) in found.unreadable { unread(file, "\(error)") }
    put(
      "total-stats",
      [
        ("segments", .number(UInt64(found.segments.count))), ("state", .text(found.state.word)),
        ("facts", .flag(found.knowsFacts)), ("complete", .flag(found.unreadable.isEmpty)),
      ] + fields(found.total) + fields(found.weights))
  }

  private func fields(_ tally: Tally) -> [(String, JSONValue)] {
    [
      ("records", .number(tally.records)), ("bytes", .number(tally.bytes)),
      ("live", .number(tally.live)), ("dead", .number(tally.dead)),
      ("covered", .number(tally.covered)),
    ]
  }

  private func fields(_ weights: Weights) -> [(String, JSONValue)] {
    [
      ("frames", .number(weights.frames)), ("raw", .number(weights.raw)),
      ("stored", .number(weights.stored)), ("oldest", .optional(weights.oldest)),
      ("newest", .optional(weights.newest)),
    ]
  }
}
