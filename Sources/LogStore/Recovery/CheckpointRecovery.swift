// Whether a checkpoint may be used at start: every segment that it counts has to be here, as long
// as it counted and with the very frame that it counted last, or to be durably retired. It reads
// little; what the checkpoint counts is not read again.

extension Recovery {
  /// The checkpoint's marks, after its entries were visited; none if there is no checkpoint, or if
  /// it is void.
  mutating func useCheckpoint(
    _ files: Set<String>, visit: SegmentScan.Visit
  ) -> [SegmentName: SegmentMark] {
    guard files.contains(CheckpointFormat.fileName) else { return [:] }
    do throws(CheckpointFault) {
      let summary = try readCheckpoint { _, _ in }
      let believed = try verify(summary, files)
      var count: UInt64 = 0
      _ = try readCheckpoint { name, entry in
        guard files.contains(SegmentFileName.file(name)) else { return }
        count += 1
        visit(Position(segment: name, ordinal: entry.ordinal), entry.kind, entry.stored)
      }
      report.records += count
      report.checkpoint = .used(entries: count)
      return believed
    } catch {
      retirements = RetirementTable()
      report.checkpoint = .void(error)
      return [:]
    }
  }

  /// Reads all of it, and folds what it holds of retirements.
  private mutating func readCheckpoint(
    _ visit: (SegmentName, CheckpointEntry) -> Void
  ) throws(CheckpointFault) -> CheckpointSummary {
    guard var reader = try CheckpointReader.open(in: directory, node: node, log: log, on: fs)
    else { throw .damaged(at: .zero) }
    defer { reader.close() }
    var table = RetirementTable()
    let summary = try CheckpointSummary.read(&reader, log: log) { name, entry in
      table.fold(entry.kind, entry.stored, sequence: .zero)
      visit(name, entry)
    }
    retirements = table
    return summary
  }

  private func verify(
    _ summary: CheckpointSummary, _ files: Set<String>
  ) throws(CheckpointFault) -> [SegmentName: SegmentMark] {
    var believed = summary.marks
    var gone: [SegmentName] = []
    for (name, mark) in summary.marks.sorted(by: { $0.key < $1.key }) {
      guard files.contains(SegmentFileName.file(name)) else {
        let isEmptyOwn = name.node == node && mark.cursor.records == .zero
        if retirements.isRetired(name) == nil, !isEmptyOwn { gone.append(name) }
        continue
      }
      do throws(CheckpointFault) { try verify(name, mark) } catch {
        guard bugs.contains(.staleCheckpointBelieved) else { throw error }
        believed[name] = nil
      }
    }
    if let name = gone.first, !bugs.contains(.staleCheckpointBelieved) {
      try verifyRetired(gone, name, believed, files)
    }
    return believed
  }

  private func verify(_ name: SegmentName, _ mark: SegmentMark) throws(CheckpointFault) {
    let path = path(SegmentFileName.file(name))
    let handle: FileHandle
    let size: UInt64
    do throws(FileError) {
      handle = try fs.open(path, .read)
      do throws(FileError) { size = try fs.size(handle) } catch {
        fs.close(handle)
        throw error
      }
    } catch { throw .unreadable(error) }
    defer { fs.close(handle) }
    guard size >= mark.cursor.offset.value else { throw .shorter(name) }
    var window = FileWindow(handle, limit: mark.cursor.offset.value, on: fs)
    let arrives = (try? window.arrives(at: mark.cursor, of: name)) ?? false
    guard arrives else { throw .differs(name) }
  }

  /// A segment that went after the checkpoint was made has its retirement in what came since.
  private func verifyRetired(
    _ gone: [SegmentName], _ first: SegmentName, _ marks: [SegmentName: SegmentMark],
    _ files: Set<String>
  ) throws(CheckpointFault) {
    var table = retirements
    var decoder = PayloadDecoder()
    for file in files.sorted() {
      guard let (name, suffix) = SegmentFileName.parse(file, log: log),
        suffix == SegmentFileName.suffix
      else { continue }
      do throws(LogError) {
        _ = try SegmentScan.scan(
          name, path: path(file), from: marks[name], on: fs, decoder: &decoder
        ) { _, kind, payload in table.fold(kind, payload, sequence: .zero) }
      } catch { throw .missing(first) }
    }
    for name in gone where table.isRetired(name) == nil { throw .missing(name) }
  }
}

extension FileWindow {
  /// Whether the segment's header is right and the frame that the cursor passed last stands there.
  mutating func arrives(
    at cursor: FrameCursor, of name: SegmentName
  ) throws(LogError) -> Bool {
    let head = try load(0, Format.segmentHeaderSize)
    guard let header = try? SegmentHeader(decoding: head), header.name == name else { return false }
    guard cursor.lastFrame > .zero else {
      return cursor.offset.value == UInt64(Format.segmentHeaderSize)
        && Checksum(head.little(56)) == cursor.chain
    }
    guard case .frame(let frame, _) = try frame(at: cursor.lastFrame.value, of: name.nonce) else {
      return false
    }
    return frame.end == cursor.offset.value && frame.checksum == cursor.chain
      && frame.endOrdinal == cursor.records
  }
}
