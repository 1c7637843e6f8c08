import LogStore
import RolesCore

// What one directory holds and another lacks. Segments are compared by (end, chain): equal ones
// have equal bytes, and a shorter one is a prefix of the longer if its chain goes on there. Only
// what one side has more of is compared by content, so many records at a time: the memory stays
// constant, and the other side is read once for each such portion.

struct Comparison {
  enum Difference: String {
    case onlyA = "only-a"
    case onlyB = "only-b"
    case longerA = "longer-a"
    case longerB = "longer-b"
    /// Two histories under one name.
    case diverged
  }

  struct Pair {
    var name: SegmentName
    var a: LogInspection.Segment?
    var b: LogInspection.Segment?
    var difference: Difference?
  }

  typealias Side = Printer.Side
  typealias Emit = (Side, Position, RecordKind, UnsafeRawBufferPointer) -> Void

  /// Records whose hashes are held at once: 4 MiB.
  var portion = 1 << 19
  private(set) var pairs: [Pair] = []
  private(set) var state = LogInspection.State.sound
  private(set) var unreadable: [(file: String, error: LogError)] = []
  private(set) var lacking: [Side: UInt64] = [.a: 0, .b: 0]
  private let fs: any FileSystem

  init(on fs: any FileSystem) { self.fs = fs }

  var isDifferent: Bool { pairs.contains { $0.difference != nil } }

  /// Compares two logs, either of which may not be there.
  mutating func compare(
    _ a: LogPlace?, _ b: LogPlace?, _ filter: RecordFilter, emit: Emit
  ) throws(LogError) {
    let first = try segments(a)
    let second = try segments(b)
    let names = Set(first.keys).union(second.keys).sorted().filter { filter.mayHold($0) }
    var more: [Side: [SegmentReader]] = [.a: [], .b: []]
    for name in names {
      var pair = Pair(name: name, a: first[name], b: second[name])
      try judge(&pair, &more)
      pairs.append(pair)
    }
    try search(more[.a] ?? [], of: .a, in: second, filter, emit)
    try search(more[.b] ?? [], of: .b, in: first, filter, emit)
  }

  private mutating func segments(
    _ place: LogPlace?
  ) throws(LogError) -> [SegmentName: LogInspection.Segment] {
    guard let place else { return [:] }
    let node = try NodeDirectory.identity(of: place.nodeDirectory, on: fs)
    let found = try LogInspection.read(place.directory, only: place.file, node: node, on: fs)
    state = max(state, found.state)
    unreadable += found.unreadable.map { (found.directory + "/" + $0.file, $0.error) }
    return Dictionary(found.segments.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
  }

  // MARK: segments

  private func judge(
    _ pair: inout Pair, _ more: inout [Side: [SegmentReader]]
  ) throws(LogError) {
    switch (pair.a, pair.b) {
    case (let a?, nil):
      pair.difference = .onlyA
      more[.a]?.append(SegmentReader(pair.name, path: a.path, on: fs))
    case (nil, let b?):
      pair.difference = .onlyB
      more[.b]?.append(SegmentReader(pair.name, path: b.path, on: fs))
    case (let a?, let b?):
      guard a.end != b.end || a.chain != b.chain else { return }
      let (long, short, side): (LogInspection.Segment, LogInspection.Segment, Side) =
        a.end > b.end ? (a, b, .a) : (b, a, .b)
      if long.end > short.end, let rest = try rest(of: long, behind: short) {
        pair.difference = side == .a ? .longerA : .longerB
        more[side]?.append(rest)
      } else {
        pair.difference = .diverged
        more[.a]?.append(SegmentReader(pair.name, path: a.path, on: fs))
        more[.b]?.append(SegmentReader(pair.name, path: b.path, on: fs))
      }
    case (nil, nil): break
    }
  }

  /// A reader of what `long` has more; nil if `short` is not its prefix.
  private func rest(
    of long: LogInspection.Segment, behind short: LogInspection.Segment
  ) throws(LogError) -> SegmentReader? {
    let rest = SegmentReader(
      long.name, path: long.path, from: short.end, chain: short.chain, records: short.records,
      on: fs)
    var probe = rest
    var follows = false
    _ = try probe.read { _ in
      follows = true
      return false
    } record: { _, _, _ in
      false
    }
    return follows || short.end == .zero ? rest : nil
  }

  // MARK: records

  /// Emits every record of `candidates` that stands nowhere in `other`, in order.
  private mutating func search(
    _ candidates: [SegmentReader], of side: Side,
    in other: [SegmentName: LogInspection.Segment], _ filter: RecordFilter, _ emit: Emit
  ) throws(LogError) {
    var readers = candidates
    while !readers.isEmpty {
      let start = readers
      var hashes: [UInt64] = []
      readers = try walk(
        start, until: { hashes.count >= portion },
        record: { _, kind, payload in hashes.append(RecordContent.hash(kind, payload)) })
      var set = HashSearch(hashes)
      hashes = []
      for segment in other.values.sorted(by: { $0.name < $1.name }) where !set.isEmpty {
        var reader = SegmentReader(segment.name, path: segment.path, on: fs)
        _ = try reader.read {
          set.find(RecordContent.hash($1, $2))
          return true
        }
      }
      guard set.lacksAny else { continue }
      var count: UInt64 = 0
      let end = readers
      _ = try walk(start, upTo: end) { position, kind, payload in
        guard !set.isFound(RecordContent.hash(kind, payload)) else { return }
        guard filter.takes(kind, RecordSubject(kind, payload)) else { return }
        count += 1
        emit(side, position, kind, payload)
      }
      lacking[side, default: 0] += count
    }
  }

  /// Reads whole frames until the caller has enough, or up to where `end` begins. Returns what is
  /// left.
  private func walk(
    _ readers: [SegmentReader], until isEnough: () -> Bool = { false },
    upTo end: [SegmentReader]? = nil,
    record body: (Position, RecordKind, UnsafeRawBufferPointer) -> Void
  ) throws(LogError) -> [SegmentReader] {
    var left = readers
    while var reader = left.first {
      if let end, left.count == end.count, reader.end >= end[0].end { break }
      let limit = end.flatMap { end in left.count == end.count ? end[0].end : nil }
      let stop = try reader.read { frame in
        if isEnough() { return false }
        return limit.map { frame.offset < $0 } ?? true
      } record: { position, kind, payload in
        body(position, kind, payload)
        return true
      }
      if stop == .asked {
        left[0] = reader
        break
      }
      left.removeFirst()
    }
    return left
  }
}

/// A set of hashes, sorted, and which of them were found.
struct HashSearch {
  private var hashes: [UInt64]
  private var found: [Bool]
  private var lacks: Int

  init(_ list: [UInt64]) {
    hashes = list
    hashes.sort()
    found = [Bool](repeating: false, count: hashes.count)
    lacks = hashes.count
  }

  var isEmpty: Bool { lacks == 0 }
  var lacksAny: Bool { lacks > 0 }

  private func first(_ hash: UInt64) -> Int? {
    var low = 0
    var high = hashes.count
    while low < high {
      let middle = (low + high) / 2
      if hashes[middle] < hash { low = middle + 1 } else { high = middle }
    }
    return low < hashes.count && hashes[low] == hash ? low : nil
  }

  mutating func find(_ hash: UInt64) {
    guard var at = first(hash), !found[at] else { return }
    while at < hashes.count, hashes[at] == hash {
      found[at] = true
      lacks -= 1
      at += 1
    }
  }

  func isFound(_ hash: UInt64) -> Bool { first(hash).map { found[$0] } ?? false }
}
