import LogStore
import RolesCore

// Which records a person asked for: words of the command line turned into values, and the test of
// one record. All conditions of different kinds must hold; of one kind any will do.

struct RecordFilter {
  var segments: [SegmentPattern] = []
  var kinds: Set<RecordKind> = []
  var sessions: [SessionPattern] = []
  var calls: [CallPattern] = []
  var since: Since?

  /// From where on.
  enum Since: Equatable {
    /// Milliseconds since 1970.
    case time(UInt64)
    case position(SegmentPattern, Ordinal)
  }

  var isEmpty: Bool {
    segments.isEmpty && kinds.isEmpty && sessions.isEmpty && calls.isEmpty && since == nil
  }

  /// Whether a segment can hold anything that is wanted.
  func mayHold(_ name: SegmentName) -> Bool {
    segments.isEmpty || segments.contains { $0.matches(name) }
  }

  /// All but segments and time.
  func takes(_ kind: RecordKind, _ subject: RecordSubject) -> Bool {
    if !kinds.isEmpty, !kinds.contains(kind) { return false }
    if !sessions.isEmpty {
      guard let name = subject.session, sessions.contains(where: { $0.matches(name) }) else {
        return false
      }
    }
    return calls.isEmpty || calls.contains { $0.matches(subject) }
  }

  // MARK: words

  static let kindNames: [(name: String, kind: RecordKind)] = [
    ("retired", .retired), ("floor", .floor), ("closed", .closed), ("submitted", .submitted),
    ("assigned", .assigned), ("finished", .finished), ("failed", .failed), ("lost", .lost),
    ("cancelled", .cancelled), ("collected", .collected), ("opened", .opened),
    ("released", .released), ("removed", .removed), ("alive", .alive), ("chunk", .archiveChunk),
    ("manifest", .archiveManifest),
  ]

  static func name(of kind: RecordKind) -> String {
    kindNames.first { $0.kind == kind }?.name ?? "kind \(kind)"
  }

  /// Names or numbers, separated by commas.
  static func kinds(_ text: String) throws(Denial) -> Set<RecordKind> {
    var kinds: Set<RecordKind> = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      if let known = kindNames.first(where: { $0.name == word }) {
        kinds.insert(known.kind)
      } else if let number = UInt16(word) {
        kinds.insert(RecordKind(number))
      } else {
        throw Denial(
          status: Status.usage,
          text: "no kind is called \"\(word)\"; a number, or one of "
            + kindNames.map(\.name).joined(separator: ", "))
      }
    }
    return kinds
  }

  /// `now` in milliseconds since 1970.
  static func since(_ text: String, now: UInt64) throws(Denial) -> Since {
    if let time = UTCTime(text) { return .time(time.milliseconds) }
    if let age = Quantity.duration(text) { return .time(now - min(now, age)) }
    let parts = text.split(separator: "#", omittingEmptySubsequences: false)
    if parts.count == 2, !parts[0].isEmpty, let ordinal = UInt64(parts[1]) {
      return .position(SegmentPattern(String(parts[0])), Ordinal(ordinal))
    }
    throw Denial(
      status: Status.usage,
      text: "--since takes a time in UTC (2026-11-24T10:00), how long ago (90s, 10m, 2h, 3d), or a "
        + "position (SEGMENT#ORDINAL), not \"\(text)\"")
  }
}

/// Segments by what the dump calls them, their file's name or its beginning, or their nonce.
struct SegmentPattern: Equatable {
  private let text: String

  init(_ text: String) {
    let name = text.split(separator: "/").last.map(String.init) ?? text
    self.text = name.hasSuffix(".seg") ? String(name.dropLast(4)) : text
  }

  func matches(_ name: SegmentName) -> Bool {
    if "\(name)" == text || "\(name.nonce)" == text { return true }
    return !text.isEmpty && name.fileName.hasPrefix(text)
  }
}

/// A session by its name, by the beginning of its id, or as the dump prints it (USER/SESSION).
struct SessionPattern: Equatable {
  private let text: String
  private let hashed: ID128
  private let user: String?
  private let session: String

  init(_ text: String) {
    self.text = text
    hashed = ID128(hashing: text)
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2, parts.allSatisfy(Self.isDigits) {
      (user, session) = (parts[0], parts[1])
    } else {
      (user, session) = (nil, text)
    }
  }

  func matches(_ name: SessionName) -> Bool {
    if name.session.value == hashed { return true }
    guard Self.isDigits(session), "\(name.session)".hasPrefix(session) else { return false }
    return user.map { "\(name.user)".hasPrefix($0) } ?? true
  }

  /// Fewer digits than these are rather a name.
  private static func isDigits(_ text: String) -> Bool {
    text.utf8.count >= 6
      && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }
}

/// Calls by their numbers, in any session or in one: 7, 7-9, SESSION/7.
struct CallPattern: Equatable {
  private let session: SessionPattern?
  private let counters: ClosedRange<CallCounter>

  init(_ text: String) throws(Denial) {
    var numbers = text[...]
    if let slash = text.lastIndex(of: "/") {
      session = SessionPattern(String(text[..<slash]))
      numbers = text[text.index(after: slash)...]
    } else {
      session = nil
    }
    let ends = numbers.split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0) }
    guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
      first <= last
    else {
      throw Denial(
        status: Status.usage, text: "--call takes 7, 7-9 or SESSION/7, not \"\(text)\"")
    }
    counters = CallCounter(first)...CallCounter(last)
  }

  func matches(_ subject: RecordSubject) -> Bool {
    guard subject.concerns(counters) else { return false }
    guard let session else { return true }
    return subject.session.map { session.matches($0) } ?? false
  }
}

/// A filter at work: it remembers which segments have reached the wanted time, and how many records
/// may still be shown.
struct Selection {
  let filter: RecordFilter
  private(set) var left: UInt64?
  private var start: SegmentName?
  private var reached: Set<SegmentName> = []

  /// `known`: what `--since SEGMENT#ORDINAL` may mean.
  init(_ filter: RecordFilter, limit: UInt64?, known: [SegmentName]) throws(Denial) {
    self.filter = filter
    left = limit
    guard case .position(let pattern, _) = filter.since else { return }
    let found = known.filter { pattern.matches($0) }
    guard found.count == 1 else {
      throw Denial(
        status: Status.usage,
        text: found.isEmpty
          ? "--since: there is no such segment" : "--since: that may be \(found.count) segments")
    }
    start = found[0]
  }

  var isExhausted: Bool { left == 0 }

  func mayHold(_ name: SegmentName) -> Bool {
    guard filter.mayHold(name) else { return false }
    guard let start else { return true }
    return name.node == start.node && name.log == start.log && name.serial >= start.serial
  }

  /// Whether this record is wanted. It counts as shown then.
  mutating func takes(
    _ position: Position, _ kind: RecordKind, _ subject: RecordSubject
  ) -> Bool {
    guard !isExhausted, isReached(position, subject), filter.takes(kind, subject) else {
      return false
    }
    if let left { self.left = left - 1 }
    return true
  }

  /// A segment is reached with the first record whose own time is late enough; what follows was
  /// appended later, whatever time it tells or doesn't.
  private mutating func isReached(_ position: Position, _ subject: RecordSubject) -> Bool {
    switch filter.since {
    case nil: return true
    case .position(_, let ordinal):
      return position.segment != start || position.ordinal >= ordinal
    case .time(let time):
      if reached.contains(position.segment) { return true }
      guard let own = subject.time, own >= time else { return false }
      reached.insert(position.segment)
      return true
    }
  }
}
