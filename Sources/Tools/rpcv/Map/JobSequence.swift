/// The jobs of a run, made one at a time, so that a source of a million lines never stands in
/// memory. Several sources are multiplied, the last one turning fastest, or walked side by side
/// (`--link`, the shorter ones starting again); both as in GNU parallel.
final class JobSequence {
  struct Options: Equatable, Sendable {
    var isLinked = false
    var delimiter = UInt8(ascii: "\n")
    /// -r: no job for an argument that is blank.
    var skipsBlank = false
  }

  private let groups: [GroupReader]
  private let options: Options
  private var current: [[Bytes]] = []
  private var made = 0
  private var isOver = false

  /// Opens every source, so that a missing file is told before the first job runs.
  init(_ specs: [SourceGroup], options: Options = Options()) throws(MapError) {
    let inputs = specs.flatMap(\.columns).filter { $0 == .file([UInt8(ascii: "-")]) }
    guard inputs.count < 2 else {
      throw .usage("standard input ('-') can be only one of the sources")
    }
    self.options = options
    // Linked sources are groups of their own here: each wraps around by itself.
    let specs =
      options.isLinked ? specs.flatMap { $0.columns.map { SourceGroup(columns: [$0]) } } : specs
    var groups: [GroupReader] = []
    for (index, spec) in specs.enumerated() {
      let isReplayed = specs.count > 1 && (options.isLinked || index > 0)
      groups.append(
        try GroupReader(spec, delimiter: options.delimiter, isReplayed: isReplayed))
    }
    self.groups = groups
  }

  /// The next job; nil when there are no more.
  func next() throws(MapError) -> Job? {
    while !isOver {
      guard let arguments = try options.isLinked ? nextLinked() : nextProduct() else {
        isOver = true
        break
      }
      if options.skipsBlank, arguments.allSatisfy({ $0.allSatisfy(isBlank) }) { continue }
      made += 1
      return Job(number: made, arguments: arguments)
    }
    return nil
  }

  private func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (UInt8(ascii: "\t")...UInt8(ascii: "\r")).contains(byte)
  }

  private func nextProduct() throws(MapError) -> [Bytes]? {
    if current.isEmpty {
      guard try startProduct() else { return nil }
    } else {
      var turning = groups.count - 1
      while true {
        if let value = try groups[turning].next() {
          current[turning] = value
          break
        }
        guard turning > 0 else { return nil }
        current[turning] = try groups[turning].restart()
        turning -= 1
      }
    }
    return current.flatMap(\.self)
  }

  /// The first combination. A source without values counts as one empty value, unless no source
  /// has any.
  private func startProduct() throws(MapError) -> Bool {
    var firsts: [[Bytes]?] = []
    for group in groups { firsts.append(try group.next()) }
    guard firsts.contains(where: { $0 != nil }) else { return false }
    current = zip(firsts, groups).map { $0 ?? $1.nothing }
    return true
  }

  private func nextLinked() throws(MapError) -> [Bytes]? {
    var row: [[Bytes]] = []
    for group in groups {
      if let value = try group.next() {
        row.append(value)
      } else {
        group.hasEnded = true
        row.append(try group.restart())
      }
    }
    return groups.allSatisfy(\.hasEnded) ? nil : row.flatMap(\.self)
  }
}

/// A group of sources that advance together and end with the shortest.
private final class GroupReader {
  private let sources: [ArgumentSource]
  var hasEnded = false

  init(_ spec: SourceGroup, delimiter: UInt8, isReplayed: Bool) throws(MapError) {
    var sources: [ArgumentSource] = []
    for column in spec.columns {
      sources.append(try ArgumentSource(column, delimiter: delimiter, isReplayed: isReplayed))
    }
    self.sources = sources
  }

  /// What stands for a group that has no values at all.
  var nothing: [Bytes] { sources.map { _ in [] } }

  func next() throws(MapError) -> [Bytes]? {
    var values: [Bytes] = []
    for source in sources {
      guard let value = try source.next() else { return nil }
      values.append(value)
    }
    return values
  }

  /// The first values again.
  func restart() throws(MapError) -> [Bytes] {
    for source in sources { try source.rewind() }
    return try next() ?? nothing
  }
}
