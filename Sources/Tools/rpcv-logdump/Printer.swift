import LogStore

// Says what was found, as text for people or as JSON lines; both say the same.

struct Printer {
  /// Of the JSON: grows when a field changes its meaning or goes; new fields and types don't count.
  static let schemaVersion: UInt64 = 1

  let isJSON: Bool
  /// JSON records carry their bytes.
  var showsPayload = false
  private let output: any LineOutput

  init(isJSON: Bool, to output: any LineOutput) {
    self.isJSON = isJSON
    self.output = output
  }

  func put(_ line: String) { output.put(line) }

  func put(_ type: String, _ fields: [(String, JSONValue)]) {
    put(JSONValue.object([("type", .text(type))] + fields).text)
  }

  func put(_ table: TextTable) { for line in table.lines { put(line) } }

  /// The first line of every JSON output.
  func begin(_ mode: String) {
    guard isJSON else { return }
    put("logdump", [("version", .number(Self.schemaVersion)), ("mode", .text(mode))])
  }

  // MARK: - Lines

  func log(_ directory: String, _ log: LogKind, _ node: NodeID?) {
    if isJSON {
      put(
        "log",
        [
          ("directory", .text(directory)), ("log", .text("\(log)")),
          ("node", .optional(node.map { "\($0)" })),
        ])
    } else {
      put("\(directory): \(log) of \(node.map { "node \($0)" } ?? "an unknown node")")
    }
  }

  func segment(_ segment: LogInspection.Segment) {
    let name = segment.name
    if isJSON {
      put(
        "segment",
        [
          ("segment", .text("\(name)")), ("file", .text(segment.path)),
          ("node", .text("\(name.node)")), ("log", .text("\(name.log)")),
          ("serial", .number(name.serial.value)), ("nonce", .text("\(name.nonce)")),
          ("previous", .optional(segment.previous.map { "\($0)" })),
          ("own", .flag(segment.isOwn)), ("retired", .flag(segment.isRetired)),
          ("size", .number(segment.size)),
          ("end", .number(segment.end.value)), ("records", .number(segment.records.value)),
          ("durable", .number(segment.durable.value)),
          ("chain", .text("\(segment.chain)")),
          ("behind", .number(UInt64(segment.behind.frames))), ("state", .text(segment.state.word)),
          ("trouble", .optional(segment.trouble)),
        ])
    } else {
      let whose = (segment.isOwn ? "own" : "copy") + (segment.isRetired ? ", retired" : "")
      let free = segment.size - min(segment.size, segment.end.value)
      put(
        "segment \(name) (\(whose)): \(counted(segment.records.value, "record")), "
          + counted(segment.end.value, "byte")
          + (free > 0 && segment.state == .sound ? " and \(free) allocated" : "")
          + ", \(segment.state.word)" + (segment.trouble.map { ": \($0)" } ?? ""))
    }
  }

  /// Segments in a line each, and what is wrong with them below.
  func table(_ segments: [LogInspection.Segment]) {
    var table = TextTable([
      .left("SEGMENT"), .left("WHOSE"), .right("RECORDS"), .right("BYTES"), .right("DURABLE"),
      .left("STATE"),
    ])
    for segment in segments {
      table.add([
        "\(segment.name)",
        (segment.isOwn ? "own" : "copy") + (segment.isRetired ? ", retired" : ""),
        "\(segment.records)", "\(segment.end)", "\(segment.durable)", segment.state.word,
      ])
    }
    if !table.isEmpty { put(table) }
    for segment in segments {
      if let trouble = segment.trouble { put("\(segment.name): \(trouble)") }
    }
  }

  func frame(_ frame: FrameView, of segment: LogInspection.Segment) {
    if isJSON {
      put(
        "frame",
        [
          ("segment", .text("\(segment.name)")), ("offset", .number(frame.offset.value)),
          ("end", .number(frame.end.value)), ("first", .number(frame.first.value)),
          ("count", .number(UInt64(frame.count))), ("codec", .text(frame.codec)),
          ("raw", .number(UInt64(frame.rawSize))), ("stored", .number(UInt64(frame.storedSize))),
          ("durable", .number(frame.durable.value)), ("checksum", .text("\(frame.checksum)")),
          ("behind", .flag(frame.isBehind)),
        ])
    } else {
      let raw = counted(frame.rawSize, "byte")
      let size =
        frame.rawSize == frame.storedSize ? raw : "\(raw) in \(frame.storedSize) (\(frame.codec))"
      let content =
        "\(counted(frame.count, "record")) from #\(frame.first), \(size)"
      put(
        "  frame at \(frame.offset): " + (frame.count == 0 ? "empty" : content)
          + ", durable up to \(frame.durable)" + (frame.isBehind ? ", behind the damage" : ""))
    }
  }

  /// Where the intact part of a segment ends. (In JSON the segment has told it.)
  func damage(_ segment: LogInspection.Segment) {
    guard !isJSON else { return }
    put(
      segment.size > segment.end.value
        ? "  \(segment.state.word) from \(segment.end) on" : "  cut short at \(segment.end)")
  }

  func aside(_ file: String) {
    if isJSON {
      put("aside", [("file", .text(file))])
    } else {
      put("\(file): damaged, set aside by an earlier start")
    }
  }

  func missing(_ name: SegmentName) {
    if isJSON {
      put("missing", [("segment", .text("\(name)"))])
    } else {
      put("segment \(name): damaged and not here at all; to be healed from another node")
    }
  }

  func unread(_ file: String, _ reason: String) {
    if isJSON {
      put("unread", [("file", .text(file)), ("reason", .text(reason))])
    } else {
      put("\(file): can't be read: \(reason)")
    }
  }

  func total(_ totals: Totals, isComplete: Bool) {
    if isJSON {
      put(
        "total",
        [
          ("segments", .number(UInt64(totals.segments))), ("records", .number(totals.records)),
          ("bytes", .number(totals.bytes)), ("state", .text(totals.state.word)),
          ("complete", .flag(isComplete)),
        ])
    } else {
      put(
        "\(counted(totals.segments, "segment")), \(counted(totals.records, "record")), "
          + "\(counted(totals.bytes, "byte")): \(totals.state.word)"
          + (isComplete ? "" : ", as far as it could be read"))
    }
  }
}

/// A number and what it counts.
func counted(_ count: some BinaryInteger, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}
