/// One record and the memory that it lies in, which serves the next one too.
final class RecordSlot: @unchecked Sendable {  // proof: one thread has it, and hands it on whole
  var kind = RecordKind(0)
  /// Lies in `buffer` or in the decoder's scratch; valid until the slot is used again.
  var payload = UnsafeRawBufferPointer(start: nil, count: 0)
  private var buffer = FlatBuffer()
  fileprivate var decoder = PayloadDecoder()

  fileprivate func takeBuffer() -> FlatBuffer {
    var taken = FlatBuffer()
    swap(&taken, &buffer)
    return taken
  }

  fileprivate func giveBuffer(_ buffer: consuming FlatBuffer) { self.buffer = buffer }

  fileprivate func copy(_ record: Record) {
    kind = record.kind
    buffer.clear()
    record.payload.withUnsafeBytes { buffer.append($0) }
    payload = buffer.bytes
  }
}

extension Log {
  /// One record, written or still buffered. A written one is read and verified with the frame that
  /// it stands in.
  public func record(at position: Position) throws(LogError) -> Record {
    let slot = RecordSlot()
    try read(position, into: slot)
    return Record(kind: slot.kind, payload: [UInt8](slot.payload))
  }

  func read(_ position: Position, into slot: RecordSlot) throws(LogError) {
    let (buffered, end, start) = files.withLock { files in
      let (record, end) = state.withLock { state in
        (state.gather.record(at: position), state[position.segment]?.end)
      }
      let index = files.indexes[position.segment] ?? SparseIndex()
      return (
        record ?? files.queue.record(at: position), end, index.start(for: position.ordinal)
      )
    }
    if let buffered { return slot.copy(buffered) }
    guard let end else { throw .unknownSegment(position.segment) }
    guard position.ordinal < end.records else { throw .noSuchRecord(position) }
    let isFound = try withHandle(position.segment) { handle throws(LogError) in
      var window = FileWindow(
        handle, limit: end.end.value, on: fs, reusing: slot.takeBuffer())
      let isFound = try find(position, from: start, &window, slot)
      slot.giveBuffer(window.buffer)
      return isFound
    }
    guard isFound else { throw .noSuchRecord(position) }
  }

  private func find(
    _ position: Position, from start: Offset, _ window: inout FileWindow, _ slot: RecordSlot
  ) throws(LogError) -> Bool {
    var at = start.value
    while case .frame(let header, let bytes) = try frame(at: at, of: position.segment, &window) {
      guard position.ordinal < header.endOrdinal else {
        at = header.end
        continue
      }
      let raw = try decode(header, bytes, position.segment, &slot.decoder)
      var isFound = false
      try walk(raw, of: header, in: position.segment) { place, kind, payload in
        guard place == position else { return }
        slot.kind = kind
        slot.payload = payload
        isFound = true
      }
      return isFound
    }
    return false
  }
}
