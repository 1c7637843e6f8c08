// Where arguments come from. A source yields its values one after the other, and again from the
// start where it is combined with others.

enum SourceSpec: Equatable, Sendable {
  /// `::: a b c`
  case values([Bytes])
  /// `:::: FILE` and `-a FILE`; `-` is standard input.
  case file(Bytes)
}

/// Sources that advance together (`:::+`), as one column or more; one column is the usual case.
struct SourceGroup: Equatable, Sendable {
  var columns: [SourceSpec]
}

/// One source, being read.
final class ArgumentSource {
  private enum Origin {
    case values([Bytes])
    case reader(RecordReader)
  }

  private let origin: Origin
  private var index = 0
  /// The values of a pipe, which can't be read twice; kept only where they may be wanted again.
  private var kept: [Bytes]?
  private var replaysKept = false

  init(_ spec: SourceSpec, delimiter: UInt8, isReplayed: Bool) throws(MapError) {
    switch spec {
    case .values(let values): origin = .values(values)
    case .file(let path):
      let reader = try RecordReader(path: path, delimiter: delimiter)
      origin = .reader(reader)
      if isReplayed, !reader.canRewind { kept = [] }
    }
  }

  func next() throws(MapError) -> Bytes? {
    switch origin {
    case .values(let values): return advance(in: values)
    case .reader(let reader):
      if replaysKept { return advance(in: kept ?? []) }
      let value = try reader.next()
      if let value { kept?.append(value) }
      return value
    }
  }

  /// Starts again; only at the end of a pass.
  func rewind() throws(MapError) {
    index = 0
    guard case .reader(let reader) = origin else { return }
    if kept != nil { replaysKept = true } else { try reader.rewind() }
  }

  private func advance(in values: [Bytes]) -> Bytes? {
    guard index < values.count else { return nil }
    defer { index += 1 }
    return values[index]
  }
}
