import LogStore

// Inspects one log after the other and prints what it finds. It knows neither the command line nor
// where the lines go.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct Totals {
  var segments = 0
  var records: UInt64 = 0
  var bytes: UInt64 = 0
  var state = LogInspection.State.sound

  mutating func add(_ segment: LogInspection.Segment) {
    segments += 1
    records += segment.records.value
    bytes += segment.end.value
  }
}

struct Dump {
  enum Detail {
    /// Segments in sentences.
    case verdicts
    /// Segments as a table.
    case brief
    /// Segments, frames and records.
    case all
  }

  let printer: Printer
  let detail: Detail
  let complain: (String) -> Void
  private let fs: any FileSystem
  private(set) var totals = Totals()
  /// An exit status: something is no log (66), or could not be read (74).
  private var failure: Int32 = 0

  init(
    printer: Printer, detail: Detail, on fs: any FileSystem = PosixFileSystem(),
    complain: @escaping (String) -> Void
  ) {
    self.printer = printer
    self.detail = detail
    self.fs = fs
    self.complain = complain
  }

  mutating func show(_ place: LogPlace) {
    let node = identity(place)
    do throws(LogError) {
      var inspection = try LogInspection.read(
        place.directory, only: place.file, node: node, on: fs)
      // A log in use may have been caught in the middle of a write: whatever is not sound gets
      // until the third look, 0.15 s later, to become so.
      for _ in 0..<3 where inspection.state != .sound {
        poll(nil, 0, 50)
        try inspection.lookAgain(node: node)
      }
      show(inspection, node)
    } catch {
      if case .damaged(let path, _, let fault) = error, place.file != nil {
        failure = Status.noLog
        complain("\(path) is no segment of a log (\(fault))")
      } else {
        failure = Status.unreadable
        complain("\(error)")
      }
    }
  }

  /// A damaged identity doesn't hide the logs.
  private mutating func identity(_ place: LogPlace) -> NodeID? {
    do throws(LogError) {
      return try NodeDirectory.identity(of: place.nodeDirectory, on: fs)
    } catch {
      totals.state = .corrupt
      complain("\(error)")
      return nil
    }
  }

  private mutating func show(_ inspection: borrowing LogInspection, _ node: NodeID?) {
    printer.log(inspection.directory, inspection.log, node)
    for segment in inspection.segments {
      totals.add(segment)
      if detail != .brief || printer.isJSON { printer.segment(segment) }
      if detail == .all { walk(segment, inspection) }
    }
    if detail == .brief, !printer.isJSON { printer.table(inspection.segments) }
    for file in inspection.setAside { printer.aside(inspection.directory + "/" + file) }
    for name in inspection.missing { printer.missing(name) }
    for (file, error) in inspection.unreadable {
      failure = Status.unreadable
      printer.unread(inspection.directory + "/" + file, "\(error)")
    }
    for file in inspection.vanished { complain("\(inspection.directory)/\(file) went meanwhile") }
    totals.state = max(totals.state, inspection.state)
  }

  private func walk(_ segment: LogInspection.Segment, _ inspection: borrowing LogInspection) {
    var wasBehind = false
    do throws(LogError) {
      try inspection.walk(
        segment,
        frame: { frame in
          if frame.isBehind && !wasBehind { printer.damage(segment) }
          wasBehind = frame.isBehind
          printer.frame(frame, of: segment)
        }, record: { printer.record($0, $1, $2, isBehind: wasBehind) })
    } catch {
      // It was sound a moment ago: replaced, or rotting right now.
      complain("\(error)")
    }
    if segment.state != .sound && !wasBehind { printer.damage(segment) }
  }

  func finish() { printer.total(totals, isComplete: failure == 0) }

  func exitStatus(verifying: Bool) -> Int32 {
    if failure != 0 { return failure }
    return verifying ? Int32(totals.state.rawValue) : 0
  }
}
