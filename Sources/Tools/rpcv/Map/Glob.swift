/// A shell's file name pattern: `*` and `?` stay within a component, `**` crosses them, `[a-z]` and
/// `[!a-z]` are sets, a backslash takes the next byte literally. Matching takes time in proportion
/// to pattern times path, whatever both hold.
struct Glob: Equatable, Sendable, CustomStringConvertible {
  private enum Token: Equatable, Sendable {
    case byte(UInt8)
    case anyByte
    case anyRun(crossesFolders: Bool)
    /// `**/` is two tokens: before a folder (or behind the last one), and inside its name.
    case beforeFolder
    case insideFolder
    case set([ClosedRange<UInt8>], isInverted: Bool)
  }

  let source: Bytes
  private let tokens: [Token]

  init(_ pattern: Bytes) {
    source = pattern
    tokens = Self.parse(pattern)
  }

  var description: String { text(source) }

  /// Whether it names just one path; that path is then `literalPath`.
  var literalPath: Bytes? {
    var path: Bytes = []
    for token in tokens {
      guard case .byte(let byte) = token else { return nil }
      path.append(byte)
    }
    return path
  }

  static func escape(_ bytes: Bytes) -> Bytes {
    bytes.flatMap { Array("*?[\\".utf8).contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] }
  }

  func matches(_ path: Bytes) -> Bool {
    // The set of tokens that may come next, for each byte of the path.
    var places = [Bool](repeating: false, count: tokens.count + 1)
    places[0] = true
    skipEmptyRuns(&places)
    for byte in path {
      var next = [Bool](repeating: false, count: tokens.count + 1)
      for (index, token) in tokens.enumerated() where places[index] {
        switch token {
        case .byte(let wanted): if byte == wanted { next[index + 1] = true }
        case .anyByte: if byte != Self.slash { next[index + 1] = true }
        case .anyRun(let crosses): if crosses || byte != Self.slash { next[index] = true }
        case .beforeFolder: if byte != Self.slash { next[index + 1] = true }
        case .insideFolder:
          next[index] = true
          if byte == Self.slash { next[index - 1] = true }
        case .set(let ranges, let isInverted):
          let isIn = ranges.contains { $0.contains(byte) }
          if isIn != isInverted, byte != Self.slash { next[index + 1] = true }
        }
      }
      places = next
      skipEmptyRuns(&places)
    }
    return places[tokens.count]
  }

  private func skipEmptyRuns(_ places: inout [Bool]) {
    for (index, token) in tokens.enumerated() where places[index] {
      if case .anyRun = token { places[index + 1] = true }
      if token == .beforeFolder { places[index + 2] = true }
    }
  }

  private static let slash = UInt8(ascii: "/")

  private static func parse(_ pattern: Bytes) -> [Token] {
    var tokens: [Token] = []
    var rest = pattern[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "?"): tokens.append(.anyByte)
      case UInt8(ascii: "*"):
        let crosses = rest.first == UInt8(ascii: "*")
        if crosses { rest.removeFirst() }
        if crosses, rest.first == slash {
          rest.removeFirst()
          tokens += [.beforeFolder, .insideFolder]
        } else {
          tokens.append(.anyRun(crossesFolders: crosses))
        }
      case UInt8(ascii: "\\"): tokens.append(.byte(rest.popFirst() ?? byte))
      case UInt8(ascii: "["):
        if let (set, after) = parseSet(rest) {
          tokens.append(set)
          rest = after
        } else {
          tokens.append(.byte(byte))
        }
      default: tokens.append(.byte(byte))
      }
    }
    return tokens
  }

  /// What stands behind `[`; nil if no `]` closes it.
  private static func parseSet(_ text: ArraySlice<UInt8>) -> (Token, ArraySlice<UInt8>)? {
    var rest = text
    let isInverted = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
    if isInverted { rest.removeFirst() }
    var ranges: [ClosedRange<UInt8>] = []
    while let low = rest.popFirst() {
      if low == UInt8(ascii: "]"), !ranges.isEmpty {
        return (.set(ranges, isInverted: isInverted), rest)
      }
      if rest.first == UInt8(ascii: "-"), let high = rest.dropFirst().first,
        high != UInt8(ascii: "]")
      {
        rest.removeFirst(2)
        if low <= high { ranges.append(low...high) }
      } else {
        ranges.append(low...low)
      }
    }
    return nil
  }
}
