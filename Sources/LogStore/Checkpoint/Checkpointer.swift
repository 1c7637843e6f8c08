// Makes a checkpoint, a part at a time: the last one's entries and what was written since, without
// what is dead for ever. So its cost follows what lives and what is new, not the log's length; and
// it is a survey of every segment on the way. It counts only what was durable when it began. The
// file takes its place at the first commit after all that `isDead` went by is durable.

struct Checkpointer: Sendable {
  private enum Stage: Sendable {
    case entries
    case tails(Int)
  }

  private let targets: [SegmentEnd]
  private let numbers: [SegmentName: Int]
  private var stage = Stage.entries
  /// The last checkpoint, as far as it was read.
  private var reader: CheckpointReader?
  private var base = CheckpointSummary()
  private var baseMarks: [SegmentName: SegmentMark] = [:]
  private var writer: CheckpointWriter?
  /// The disk did not take the file.
  private(set) var couldNotStore = false
  private var survey: Survey
  private var mark = SegmentMark()
  /// What could not be read to its end.
  private(set) var unsound: [SegmentName] = []
  /// An archive that nobody names may be named again: its records stay in the checkpoint until
  /// their segment goes, and only the survey counts them as garbage.
  private let keepsDead: Bool

  /// Where the index of a mark has an entry.
  private static let spacing: UInt64 = 64 * 1024

  /// `isStored` is false for a survey alone, which needs no space.
  init(of log: Log, isStored: Bool = true) {
    var ends = log.vector().filter { $0.durableEnd > .zero }
    if log.hasBug(.staleCheckpointBelieved) {
      for index in ends.indices { ends[index].durableEnd = ends[index].end }
    }
    targets = ends
    keepsDead = log.kind == .archives
    survey = Survey(ends.map(\.name))
    var numbers: [SegmentName: Int] = [:]
    for (index, end) in ends.enumerated() { numbers[end.name] = index }
    self.numbers = numbers
    if let marks = log.checkpointMarks,
      ends.allSatisfy({ $0.durableEnd >= marks[$0.name]?.cursor.offset ?? .zero }),
      let reader = try? CheckpointReader.open(
        in: log.directory, node: log.node, log: log.kind, on: log.fs)
    {
      self.reader = reader
      baseMarks = marks
    }
    if isStored {
      writer = try? CheckpointWriter.create(in: log)
      couldNotStore = writer == nil
      write(log) { writer, fs throws(FileError) in
        for end in ends { try writer.add(name: end.name, on: fs) }
      }
    }
  }

  /// Reads about `budget` bytes, taking them off it. The survey once all is read, else nil.
  mutating func advance(
    _ log: Log, budget: inout Int, isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) throws(LogError) -> Survey? {
    let table = log.retirements
    while budget > 0 {
      switch stage {
      case .entries:
        guard readEntries(log, table, &budget, isDead) else { continue }
        stage = .tails(0)
        prepareTail(0)
      case .tails(let index) where index < targets.count:
        guard try readTail(index, log, table, &budget, isDead) else { return nil }
        survey.marks[targets[index].name] = mark
        stage = .tails(index + 1)
        prepareTail(index + 1)
      case .tails:
        finish(log)
        return survey
      }
    }
    return nil
  }

  /// Gives up before all is read.
  mutating func abandon(_ log: Log) {
    reader?.close()
    reader = nil
    writer?.discard(log)
    writer = nil
  }

  // MARK: the last checkpoint

  /// True when there is nothing left of it.
  private mutating func readEntries(
    _ log: Log, _ table: RetirementTable, _ budget: inout Int,
    _ isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) -> Bool {
    guard var reader else { return true }
    var kept: [(number: Int, entry: CheckpointEntry, isGone: Bool)] = []
    var summary = base
    do throws(CheckpointFault) {
      let size = try reader.next { type, bytes throws(CheckpointFault) in
        try summary.take(type, bytes, log.kind) { name, entry in
          // Of a segment that is gone, all is dead or covered in what is held.
          guard let number = numbers[name], log.end(of: name) != nil else { return }
          kept.append((number, entry, table.isGone(entry.kind, entry.stored, isDead)))
        }
        for item in kept { add(item.entry, of: item.number, isGone: item.isGone, log) }
      }
      base = summary
      self.reader = reader
      budget -= size
      guard size == 0 else { return false }
      reader.close()
      self.reader = nil
    } catch {
      // It rotted since it was last read: everything is read from the segments instead.
      startOver(log)
    }
    return true
  }

  private mutating func add(
    _ entry: CheckpointEntry, of number: Int, isGone: Bool, _ log: Log
  ) {
    if !isGone { survey.note(number, entry.hash, entry.size) }
    guard !isGone || keepsDead && !entry.kind.isLogStores else { return }
    var entry = entry
    entry.segment = number
    write(log) { writer, fs throws(FileError) in try writer.add(entry, on: fs) }
  }

  private mutating func startOver(_ log: Log) {
    log.forgetCheckpoint()
    let isStored = writer != nil
    abandon(log)
    self = Checkpointer(of: log, isStored: isStored)
  }

  // MARK: what came since

  private mutating func prepareTail(_ index: Int) {
    guard index < targets.count else { return }
    mark = baseMarks[targets[index].name] ?? SegmentMark()
  }

  private mutating func readTail(
    _ index: Int, _ log: Log, _ table: RetirementTable, _ budget: inout Int,
    _ isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) throws(LogError) -> Bool {
    let target = targets[index]
    var cursor = mark.cursor
    defer { mark.cursor = cursor }
    do throws(LogError) {
      return try log.walkFrames(
        of: target.name, from: &cursor, before: target.durableEnd, budget: &budget
      ) { header, raw throws(LogError) in
        if header.count > 0,
          header.offset >= (mark.index.entries.last?.offset.value).map({ $0 + Self.spacing }) ?? 0
        {
          mark.index.restore(header.firstOrdinal, at: Offset(header.offset))
        }
        mark.rawBytes += UInt64(raw.count)
        try log.walk(raw, of: header, in: target.name) { position, kind, payload in
          let isGone = table.isGone(kind, payload, isDead)
          guard !isGone || keepsDead else { return }
          let limit = log.options.abridged[kind] ?? payload.count
          add(
            CheckpointEntry(
              segment: index, ordinal: position.ordinal, kind: kind,
              size: UInt32(truncatingIfNeeded: payload.count),
              hash: CoverSearch.hash(kind, payload),
              stored: payload.part(0..<min(limit, payload.count))),
            of: index, isGone: isGone, log)
        }
      }
    } catch {
      switch error {
      // What stands before the damage counts; the next start reads from there.
      case .damaged:
        unsound.append(target.name)
        return true
      case .unknownSegment: return true
      default: throw error
      }
    }
  }

  // MARK: the file

  /// A checkpoint is a cache: what can't be written is left.
  private mutating func write(
    _ log: Log, _ body: (inout CheckpointWriter, any FileSystem) throws(FileError) -> Void
  ) {
    guard var current = writer else { return }
    do throws(FileError) {
      try body(&current, log.fs)
      writer = current
    } catch {
      current.discard(log)
      writer = nil
      couldNotStore = true
    }
  }

  private mutating func finish(_ log: Log) {
    let (targets, marks) = (targets, survey.marks)
    write(log) { writer, fs throws(FileError) in
      for (index, end) in targets.enumerated() {
        if let mark = marks[end.name] { try writer.add(mark, name: index, on: fs) }
      }
      try writer.finish(marks: marks.count, on: fs)
    }
    guard let writer else { return }
    log.propose(PendingCheckpoint(writer: writer, marks: marks, asOf: log.sequence))
    self.writer = nil
    if log.hasBug(.staleCheckpointBelieved) { try? log.publishCheckpoint() }
  }
}
