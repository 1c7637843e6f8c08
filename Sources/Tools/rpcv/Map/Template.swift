/// Text with placeholders, parsed once and filled in for every job. `{}` `{.}` `{/}` `{//}` `{/.}`
/// stand for all arguments of the job, with a number in front (`{2/.}`, `{-1}`) for one of them;
/// `{#}` is the job's number, `{%}` the number of its slot. Other braces are plain text.
struct Template: Equatable, Sendable {
  enum Piece: Equatable, Sendable {
    case literal(Bytes)
    case placeholder(Placeholder)
  }

  enum Placeholder: Equatable, Sendable {
    case all(PathPart)
    /// From 1; from the last backwards if negative. Beyond the arguments it stands for nothing.
    case one(Int, PathPart)
    case jobNumber
    /// The number of the task among those that run on its server: only a shell there can know it.
    case slot
  }

  private(set) var pieces: [Piece] = []

  private init(_ pieces: [Piece]) { self.pieces = pieces }

  /// `{}`
  static let everyArgument = Template([.placeholder(.all(.whole))])

  /// Text without placeholders, whatever braces it holds.
  static func literal(_ text: Bytes) -> Template { Template([.literal(text)]) }

  /// `{%}` stands only where `allowsSlot`: in a text that a shell reads when the job runs.
  init(parsing source: Bytes, allowsSlot: Bool = false) throws(MapError) {
    var literal: Bytes = []
    var rest = source[...]
    while let first = rest.first {
      if first == UInt8(ascii: "{") {
        if rest.starts(with: Array("{=".utf8)), source.suffix(from: rest.startIndex).holds("=}") {
          throw .template("'{= ... =}' runs Perl in GNU parallel; rpcv map has no Perl expressions")
        }
        if let close = rest.firstIndex(of: UInt8(ascii: "}")),
          let placeholder = try Self.placeholder(
            rest[(rest.startIndex + 1)..<close], allowsSlot)
        {
          if !literal.isEmpty { pieces.append(.literal(literal)) }
          literal = []
          pieces.append(.placeholder(placeholder))
          rest = rest[(close + 1)...]
          continue
        }
      }
      literal.append(first)
      rest = rest.dropFirst()
    }
    if !literal.isEmpty { pieces.append(.literal(literal)) }
  }

  var hasPlaceholder: Bool {
    pieces.contains { if case .placeholder = $0 { true } else { false } }
  }

  var startsWithPlaceholder: Bool {
    if case .placeholder = pieces.first { true } else { false }
  }

  mutating func append(_ piece: Piece) { pieces.append(piece) }

  /// The text for one job. `transform` quotes each argument where a shell will read the text;
  /// several arguments are joined with blanks.
  func expand(_ job: Job, transform: (Bytes) -> Bytes = { $0 }) -> Bytes {
    var result: Bytes = []
    for piece in pieces {
      switch piece {
      case .literal(let bytes): result += bytes
      case .placeholder(let placeholder):
        let values = Self.values(of: placeholder, in: job)
        for (index, value) in values.enumerated() {
          if index > 0 { result.append(UInt8(ascii: " ")) }
          result += placeholder.isArgument ? transform(value) : value
        }
      }
    }
    return result
  }

  /// The arguments that the placeholder stands for: none, one or all.
  static func values(of placeholder: Placeholder, in job: Job) -> [Bytes] {
    switch placeholder {
    case .all(let part): return job.arguments.map(part.of)
    case .one(let number, let part):
      let index = number > 0 ? number - 1 : job.arguments.count + number
      return job.arguments.indices.contains(index) ? [part.of(job.arguments[index])] : []
    case .jobNumber: return [Array(String(job.number).utf8)]
    case .slot: return [Array("${RPCV_SLOT}".utf8)]
    }
  }

  /// What stands between the braces, or nil if it is no placeholder.
  private static func placeholder(
    _ body: ArraySlice<UInt8>, _ allowsSlot: Bool
  ) throws(MapError) -> Placeholder? {
    let sign = body.prefix { $0 == UInt8(ascii: "-") }
    let digits = body[sign.endIndex...].prefix {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
    }
    let suffix = text(body[digits.endIndex...])
    if digits.isEmpty {
      guard sign.isEmpty else { return nil }
      if suffix == "#" { return .jobNumber }
      if suffix == "%" {
        guard allowsSlot else {
          throw .template(
            "'{%}': the server that runs a job draws its slot, so it can stand in a command that "
              + "a shell reads, but not with -q and not in the name of a file")
        }
        return .slot
      }
      return part(suffix).map { .all($0) }
    }
    guard sign.count <= 1, digits.count <= 6, let part = part(suffix),
      let number = Int(text(digits))
    else { return nil }
    guard number > 0 else {
      throw .template("'{\(text(body))}': arguments are numbered from 1")
    }
    return .one(sign.isEmpty ? number : -number, part)
  }

  private static func part(_ suffix: String) -> PathPart? {
    switch suffix {
    case "": .whole
    case ".": .withoutExtension
    case "/": .base
    case "//": .folder
    case "/.": .baseWithoutExtension
    default: nil
    }
  }
}

extension Template.Placeholder {
  var isArgument: Bool {
    switch self {
    case .all, .one: true
    case .jobNumber, .slot: false
    }
  }
}

/// One call to be made: its number in the run, from 1, and an argument of every source.
struct Job: Equatable, Sendable {
  var number: Int
  var arguments: [Bytes]
}

extension Collection<UInt8> {
  /// Whether the text occurs anywhere in these bytes.
  func holds(_ text: String) -> Bool {
    let wanted = Array(text.utf8)
    return indices.contains { self[$0...].starts(with: wanted) }
  }
}
