import LogStore

// Prints what was found, as text for people or as JSON lines; both say the same. It buffers, so
// that a million records don't cost a million writes.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct Totals {
  var segments = 0
  var records: UInt64 = 0
  var bytes: UInt64 = 0
  var state = LogInspection.State.sound

  mutating func add(_ segment: LogInspection.Segment) {
    segments += 1
    records += segment.records.value
    bytes += segment.end.value
  }
}

final class Printer {
  private let isJSON: Bool
  private var buffer: [UInt8] = []

  init(isJSON: Bool) { self.isJSON = isJSON }

  func flush() {
    var rest = buffer[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
      guard count > 0 else { break }
      rest = rest.dropFirst(count)
    }
    buffer.removeAll(keepingCapacity: true)
  }

  private func put(_ line: String) {
    buffer += line.utf8
    buffer.append(10)
    if buffer.count > 1 << 16 { flush() }
  }

  private func put(_ type: String, _ fields: [(String, JSONValue)]) {
    put(JSONValue.object([("type", .text(type))] + fields).text)
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
          ("own", .flag(segment.isOwn)), ("size", .number(segment.size)),
          ("end", .number(segment.end.value)), ("records", .number(segment.records.value)),
          ("durable", .number(segment.durable.value)),
          ("behind", .number(UInt64(segment.behind))), ("state", .text(segment.state.word)),
          ("trouble", .optional(segment.trouble)),
        ])
    } else {
      let whose = segment.isOwn ? "own" : "copy"
      let free = segment.size - min(segment.size, segment.end.value)
      put(
        "segment \(name) (\(whose)): \(segment.records) records, \(segment.end) bytes"
          + (free > 0 && segment.state == .sound ? " and \(free) allocated" : "")
          + ", \(segment.state.word)" + (segment.trouble.map { ": \($0)" } ?? ""))
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
        ])
    } else {
      let size =
        frame.rawSize == frame.storedSize
        ? "\(frame.rawSize) bytes"
        : "\(frame.rawSize) bytes in \(frame.storedSize) (\(frame.codec))"
      put(
        "  frame at \(frame.offset): "
          + (frame.count == 0 ? "empty" : "\(frame.count) records from #\(frame.first), \(size)")
          + ", durable up to \(frame.durable)")
    }
  }

  func record(
    _ position: Position, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer, in log: LogKind
  ) {
    let (name, text) = RecordText.describe(kind, payload)
    if isJSON {
      put(
        "record",
        [
          ("segment", .text("\(position.segment)")), ("ordinal", .number(position.ordinal.value)),
          ("kind", .number(UInt64(kind.value))), ("name", .text(name)),
          ("size", .number(UInt64(payload.count))), ("text", .text(text)),
        ])
    } else {
      put("    #\(position.ordinal) \(name): \(text)")
    }
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

  func total(_ totals: Totals) {
    if isJSON {
      put(
        "total",
        [
          ("segments", .number(UInt64(totals.segments))), ("records", .number(totals.records)),
          ("bytes", .number(totals.bytes)), ("state", .text(totals.state.word)),
        ])
    } else {
      put(
        "\(totals.segments) segments, \(totals.records) records, \(totals.bytes) bytes: "
          + totals.state.word)
    }
  }
}
