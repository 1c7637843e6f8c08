import LogStore
import RolesCore

// Records as lines: indented below their frames, or each with its full position, fit for grep.

extension Printer {
  enum RecordStyle {
    /// Below a segment and a frame.
    case listed
    /// By itself; `side` is < or > where two directories are compared.
    case alone(side: Side?)
  }

  enum Side {
    case a, b

    var mark: String { self == .a ? "<" : ">" }
    var letter: String { self == .a ? "a" : "b" }
  }

  func record(
    _ position: Position, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer,
    _ style: RecordStyle = .listed, isBehind: Bool = false
  ) {
    let (name, text) = RecordText.describe(kind, payload)
    guard isJSON else {
      switch style {
      case .listed: put("    #\(position.ordinal) \(name): \(text)")
      case .alone(let side):
        put(
          (side.map { $0.mark + " " } ?? "") + "\(position) \(name): \(text)"
            + (isBehind ? " (behind damage)" : ""))
      }
      return
    }
    let subject = RecordSubject(kind, payload)
    var fields: [(String, JSONValue)] = [
      ("segment", .text("\(position.segment)")), ("ordinal", .number(position.ordinal.value)),
      ("kind", .number(UInt64(kind.value))), ("name", .text(name)),
      ("size", .number(UInt64(payload.count))),
      ("hash", .text("\(Checksum(RecordContent.hash(kind, payload)))")),
      ("session", .optional(subject.session.map { "\($0)" })),
      ("call", .optional(subject.call?.value)), ("time", .optional(subject.time)),
      ("behind", .flag(isBehind)), ("text", .text(text)),
    ]
    if case .alone(let side?) = style { fields.append(("side", .text(side.letter))) }
    if showsPayload { fields.append(("payload", .text(Self.hex(payload)))) }
    put("record", fields)
  }

  /// What a selection came to. (People see the lines themselves.)
  func selected(_ shown: UInt64, isComplete: Bool) {
    guard isJSON else { return }
    put("selected", [("records", .number(shown)), ("complete", .flag(isComplete))])
  }

  private static func hex(_ bytes: UnsafeRawBufferPointer) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(unsafeUninitializedCapacity: 2 * bytes.count) { out in
      for (index, byte) in bytes.enumerated() {
        out[2 * index] = digits[Int(byte >> 4)]
        out[2 * index + 1] = digits[Int(byte & 15)]
      }
      return 2 * bytes.count
    }
  }
}
