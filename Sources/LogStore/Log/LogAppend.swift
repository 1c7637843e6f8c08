// Appending: records go into the gather buffer, their positions are final, no file is touched. A
// batch is one frame or part of one, so after a crash all of it is there or nothing.

/// Where a batch went.
public struct Appended: Hashable, Sendable {
  public var first: Position
  public var count: Int
  /// The batch is durable once the log is durable through this.
  public var sequence: LogSequence
}

/// How much of the space an append may take.
enum AppendRoom: Hashable, Sendable {
  /// All but the reserve.
  case open
  case reserve
  /// What takes the place of something that goes.
  case beyondQuota
}

extension Log {
  /// Buffers a batch; `write` or `commit` brings it to the file. `usingReserve`: it helps to free
  /// space, whatever its kinds.
  @discardableResult
  public func append(
    _ batch: RecordBatch, usingReserve: Bool = false
  ) throws(LogError) -> Appended {
    guard !batch.isEmpty else { throw .emptyBatch }
    guard batch.longest <= options.recordLimit else {
      throw .recordTooLarge(size: batch.longest, limit: options.recordLimit)
    }
    return try batch.bytes.withUnsafeBufferPointer { bytes throws(LogError) in
      try enqueue(
        UnsafeRawBufferPointer(bytes), count: batch.count, in: usingReserve ? .reserve : .open)
    }
  }

  /// Buffers many records in batches that any frame takes; `told` gets each batch as it went. What
  /// was appended before a throw stays.
  public func append(
    all records: [Record], usingReserve: Bool = false, told: ([Record], Appended) -> Void
  ) throws(LogError) {
    let limit = min(options.frameLimit, 256 * 1024)
    var rest = records[...]
    while !rest.isEmpty {
      var count = 0
      var size = 0
      while count < rest.count {
        size += rest[rest.startIndex + count].payload.count + Format.recordHeaderSize
        if count > 0 && size > limit { break }
        count += 1
      }
      let part = Array(rest.prefix(count))
      let batch = RecordBatch(part)
      let appended: Appended
      do throws(LogError) {
        appended = try append(batch, usingReserve: usingReserve)
      } catch .bufferFull {
        try write()
        appended = try append(batch, usingReserve: usingReserve)
      }
      told(part, appended)
      rest = rest.dropFirst(count)
    }
  }

  @discardableResult
  public func append(kind: RecordKind, payload: [UInt8]) throws(LogError) -> Appended {
    try payload.withUnsafeBufferPointer { bytes throws(LogError) in
      try append(kind: kind, payload: UnsafeRawBufferPointer(bytes))
    }
  }

  @discardableResult
  public func append(_ record: Record) throws(LogError) -> Appended {
    try append(kind: record.kind, payload: record.payload)
  }

  /// A record by itself; nothing is allocated for it.
  @discardableResult
  public func append(
    kind: RecordKind, payload: UnsafeRawBufferPointer
  ) throws(LogError) -> Appended {
    guard payload.count <= options.recordLimit else {
      throw .recordTooLarge(size: payload.count, limit: options.recordLimit)
    }
    let size = Format.recordHeaderSize + payload.count
    return try state.withLock { state throws(LogError) in
      try admit(&state, size) { options.mayUseReserve(kind) ? .reserve : .open }
      state.gather.add(kind, payload)
      let appended = advance(&state, size, count: 1)
      fold(&state, kind, payload)
      return appended
    }
  }

  /// `bytes` are `count` records as they will stand in the frame. Limits on single records were
  /// checked; salvage has none.
  func enqueue(
    _ bytes: UnsafeRawBufferPointer, count: Int, in room: AppendRoom = .open
  ) throws(LogError) -> Appended {
    try state.withLock { state throws(LogError) in
      try admit(&state, bytes.count) {
        room == .open && onlyReserveKinds(bytes, count) ? .reserve : room
      }
      state.gather.add(bytes, count: count)
      let appended = advance(&state, bytes.count, count: count)
      foldOwn(&state, bytes, count)
      return appended
    }
  }

  /// Checks that a batch of `size` bytes may be appended, and makes the frame that it goes into.
  private func admit(
    _ state: inout LogState, _ size: Int, in room: () -> AppendRoom
  ) throws(LogError) {
    try state.check()
    guard size <= options.frameLimit else {
      throw .batchTooLarge(size: size, limit: options.frameLimit)
    }
    // A full disk first: who waits for the buffer would wait for space.
    try checkSpace(&state, size, in: room)
    guard state.buffered + size <= options.bufferLimit else {
      throw .bufferFull(limit: options.bufferLimit)
    }
    rollIfNeeded(&state, adding: size)
    cutIfNeeded(&state, adding: size)
  }

  private func advance(_ state: inout LogState, _ size: Int, count: Int) -> Appended {
    state.buffered += size
    state.estimate += UInt64(size)
    state.pending += UInt64(size)
    let first = Position(segment: state.current, ordinal: state.nextOrdinal)
    state.nextOrdinal = state.nextOrdinal + count
    state.sequence = state.sequence.next
    return Appended(first: first, count: count, sequence: state.sequence)
  }

  /// The most that a new frame adds besides its records: header, padding.
  static let frameOverhead = UInt64(Format.frameHeaderSize + Format.frameAlignment)

  private func checkSpace(
    _ state: inout LogState, _ size: Int, in room: () -> AppendRoom
  ) throws(LogError) {
    if let capacity = options.capacity {
      let used = state.used + state.pending
      let needed =
        used + UInt64(size) + 2 * Log.frameOverhead + UInt64(Format.segmentHeaderSize)
      let isRoom =
        needed + options.reserve <= capacity
        || needed <= capacity && room() == .reserve || room() == .beyondQuota
      guard isRoom else { throw .full(.quota(used: used, capacity: capacity)) }
    }
    if let fullness = state.fullness, room() == .open { throw .full(fullness) }
  }

  private func onlyReserveKinds(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> Bool {
    var walker = RecordWalker(bytes)
    for _ in 0..<count {
      guard let record = try? walker.next(), options.mayUseReserve(record.kind) else {
        return false
      }
    }
    return true
  }

  private func rollIfNeeded(_ state: inout LogState, adding size: Int) {
    let grown = state.estimate + UInt64(size) + 2 * Log.frameOverhead
    let isLong = grown > options.segmentLimit && state.nextOrdinal > .zero
    if isLong || state.rollRequested { state.roll(draw: options.drawNonce) }
  }

  private func cutIfNeeded(_ state: inout LogState, adding size: Int) {
    if let last = state.gather.last, last.segment == state.current,
      last.size + size <= options.frameLimit, last.size < options.frameTarget
    {
      return
    }
    state.gather.cut(
      state.current, after: state.previous, at: state.nextOrdinal, sequence: state.sequence.next)
    state.estimate += Log.frameOverhead
    state.pending += Log.frameOverhead
  }

  private func foldOwn(_ state: inout LogState, _ bytes: UnsafeRawBufferPointer, _ count: Int) {
    var walker = RecordWalker(bytes)
    for _ in 0..<count {
      guard let record = try? walker.next() else { return }
      fold(&state, record.kind, record.payload)
    }
  }

  /// Takes note of a retirement, from wherever it comes. One about the open segment seals it.
  func fold(_ state: inout LogState, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    guard kind.value <= RecordKind.lastOfLogStore else { return }
    state.retirements.fold(kind, payload, sequence: state.sequence)
    if state.retirements.isRetired(state.current) != nil { state.rollRequested = true }
  }

  /// Leaves the open segment for a new one, if it has any record. Its file is finished by the next
  /// write.
  public func seal() {
    state.withLock { state in
      if state.nextOrdinal > .zero { state.roll(draw: options.drawNonce) }
    }
  }
}
