import LogStore
import RolesCore

// Shows the records that a person asked for, each in a line with its position: one pass over the
// files, in constant memory, ended as soon as enough were shown.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct RecordsRun {
  let printer: Printer
  let complain: (String) -> Void
  private var selection: Selection
  private var readers: [SegmentReader] = []
  private(set) var shown: UInt64 = 0
  private(set) var failure: Int32 = 0

  init(
    _ places: [LogPlace], _ filter: RecordFilter, limit: UInt64?, printer: Printer,
    on fs: any FileSystem, complain: @escaping (String) -> Void
  ) throws(Denial) {
    self.printer = printer
    self.complain = complain
    for place in places {
      do throws(LogError) {
        readers += try LogInspection.readers(in: place.directory, only: place.file, on: fs)
      } catch { throw Denial(error, isFile: place.file != nil) }
    }
    selection = try Selection(filter, limit: limit, known: readers.map(\.name))
  }

  mutating func run() {
    for reader in readers where selection.mayHold(reader.name) {
      if selection.isExhausted { break }
      do throws(LogError) { try show(reader) } catch {
        failure = Status.unreadable
        complain("\(error)")
      }
    }
    printer.selected(shown, isComplete: failure == 0)
  }

  private mutating func show(_ start: SegmentReader) throws(LogError) {
    var reader = start
    var stop = SegmentReader.Stop.end
    // A log in use may have been caught in the middle of a write.
    for attempt in 0..<4 {
      if attempt > 0 { poll(nil, 0, 50) }
      stop = try reader.read { take($0, $1, $2, isBehind: false) }
      guard case .damage = stop else { break }
    }
    guard case .damage(let fault) = stop else {
      if stop == .gone { complain("\(reader.path) went meanwhile") }
      return
    }
    complain("\(reader.name): not intact from \(reader.end) on: \(fault)")
    _ = try reader.readBehind { take($0, $1, $2, isBehind: true) }
  }

  /// False when enough were shown.
  private mutating func take(
    _ position: Position, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer, isBehind: Bool
  ) -> Bool {
    if selection.takes(position, kind, RecordSubject(kind, payload)) {
      printer.record(position, kind, payload, .alone(side: nil), isBehind: isBehind)
      shown += 1
    }
    return !selection.isExhausted
  }
}

extension Denial {
  init(_ error: LogError, isFile: Bool) {
    if case .damaged(let path, _, let fault) = error, isFile {
      self.init(status: Status.noLog, text: "\(path) is no segment of a log (\(fault))")
    } else {
      self.init(status: Status.unreadable, text: "\(error)")
    }
  }
}
