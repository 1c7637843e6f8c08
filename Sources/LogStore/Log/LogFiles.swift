// A log's open files and the scratch memory of its writers, under the lock that orders writes.
// A file stays open from its first unsynced byte to its sync: a reopened descriptor can miss the
// error. Clean ones beyond a bound are closed.

struct OpenFile: Sendable {
  var handle: FileHandle
  /// Length that was allocated ahead (own segments).
  var allocated: UInt64 = 0
  var isDirty = false
  /// A sync that was started outside the lock uses the handle.
  var isSyncing = false
  var lastUse: UInt64 = 0
}

struct LogFiles: ~Copyable, Sendable {
  enum Reserve: Sendable { case unwanted, held, released }
  static let openLimit = 64

  var open: [SegmentName: OpenFile] = [:]
  var indexes: [SegmentName: SparseIndex] = [:]
  /// Frames that were taken from the gather and are not written yet.
  var queue = Gather()
  var encoder = FrameEncoder()
  /// The own segment whose file exists and is written to.
  var writing: SegmentName?
  /// The file of the segment to follow.
  var ready: ReadySegment?
  /// Entries were made whose directory was not synced yet.
  var directoryDirty = false
  var reserve = Reserve.released
  var notes: NotesFile?
  /// As noted last.
  var uptimes = Uptimes()
  private var clock: UInt64 = 0

  mutating func keep(_ name: SegmentName, _ file: OpenFile) {
    clock += 1
    var file = file
    file.lastUse = clock
    open[name] = file
  }

  mutating func touch(_ name: SegmentName) -> OpenFile? {
    guard let file = open[name] else { return nil }
    keep(name, file)
    return open[name]
  }

  /// Closes the clean file that was unused for longest, if too many are open.
  mutating func trim(_ fs: any FileSystem) {
    guard open.count > LogFiles.openLimit else { return }
    let idle = open.filter { !$0.value.isDirty && !$0.value.isSyncing && $0.key != writing }
    guard let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
    fs.close(oldest.value.handle)
    open[oldest.key] = nil
  }

  /// Names of files with bytes that no sync covers, in the common order.
  var dirty: [SegmentName] { open.filter { $0.value.isDirty }.map(\.key).sorted() }
}

/// Where some of a segment's records stand: one entry every 16 KiB, so that a record is found by
/// reading little. A hint only: what it leads to is verified.
struct SparseIndex: Hashable, Sendable {
  struct Entry: Hashable, Sendable {
    var ordinal: Ordinal
    var offset: Offset
  }
  private static let spacing: UInt64 = 16 * 1024
  private(set) var entries: [Entry] = []

  mutating func note(_ ordinal: Ordinal, at offset: UInt64) {
    if let last = entries.last, offset < last.offset.value + SparseIndex.spacing { return }
    entries.append(Entry(ordinal: ordinal, offset: Offset(offset)))
  }

  /// Takes up an entry as it was stored.
  mutating func restore(_ ordinal: Ordinal, at offset: Offset) {
    entries.append(Entry(ordinal: ordinal, offset: offset))
  }

  /// A frame at or before the one that holds `ordinal`.
  func start(for ordinal: Ordinal) -> Offset {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].ordinal <= ordinal { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? Offset(UInt64(Format.segmentHeaderSize)) : entries[low - 1].offset
  }
}
