import LogStore
import RolesCore
import Synchronization

// Follows logs in use: reads on in every segment where it stopped, and finds new ones. It looks
// only as often as it is told to; who calls it waits in between.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct Follower {
  private struct Followed {
    var reader: SegmentReader
    /// How many looks in a row found the same damage.
    var damagedLooks = 0
  }

  /// Segments that are not their writer's newest seldom grow (a copy that is fetched): every tenth
  /// look is for them.
  static let seldom = 10
  /// A write that is under way ends sooner.
  static let patience = 20

  let printer: Printer
  let complain: (String) -> Void
  private let places: [LogPlace]
  private let fs: any FileSystem
  private var selection: Selection
  private var segments: [SegmentName: Followed] = [:]
  private var looks = 0
  private(set) var shown: UInt64 = 0

  /// With `skipping`, what stands there already is read and not shown.
  init(
    _ places: [LogPlace], _ filter: RecordFilter, limit: UInt64?, skipping: Bool,
    printer: Printer, on fs: any FileSystem, complain: @escaping (String) -> Void
  ) throws(Denial) {
    self.places = places
    self.fs = fs
    self.printer = printer
    self.complain = complain
    var known: [SegmentReader] = []
    for place in places {
      do throws(LogError) {
        known += try LogInspection.readers(in: place.directory, only: place.file, on: fs)
      } catch { throw Denial(error, isFile: place.file != nil) }
    }
    selection = try Selection(filter, limit: limit, known: known.map(\.name))
    guard skipping else { return }
    for var reader in known where selection.mayHold(reader.name) {
      do throws(LogError) {
        // What is being written this moment is shown when it is whole.
        _ = try reader.read { _, _, _ in true }
      } catch { throw Denial(error, isFile: place(of: reader)?.file != nil) }
      segments[reader.name] = Followed(reader: reader)
    }
  }

  private func place(of reader: SegmentReader) -> LogPlace? {
    places.first { reader.path.hasPrefix($0.directory + "/") }
  }

  /// Enough was shown.
  var isDone: Bool { selection.isExhausted }

  /// One look at everything that may have grown.
  mutating func look() throws(LogError) {
    for place in places {
      for reader in try LogInspection.readers(in: place.directory, only: place.file, on: fs)
      where segments[reader.name] == nil && selection.mayHold(reader.name) {
        segments[reader.name] = Followed(reader: reader)
      }
    }
    let names = segments.keys.sorted()
    for (index, name) in names.enumerated() {
      if isDone { break }
      let isNewest =
        index + 1 == names.count || names[index + 1].node != name.node
        || names[index + 1].log != name.log
      if isNewest || looks % Follower.seldom == 0 { try follow(name) }
    }
    looks += 1
  }

  private mutating func follow(_ name: SegmentName) throws(LogError) {
    guard var followed = segments[name] else { return }
    let before = followed.reader.end
    let stop = try followed.reader.read { position, kind, payload in
      if selection.takes(position, kind, RecordSubject(kind, payload)) {
        printer.record(position, kind, payload, .alone(side: nil))
        shown += 1
      }
      return !selection.isExhausted
    }
    switch stop {
    case .gone:
      segments[name] = nil
      return
    case .damage(let fault):
      followed.damagedLooks = followed.reader.end == before ? followed.damagedLooks + 1 : 1
      if followed.damagedLooks == Follower.patience {
        complain("\(name): not intact from \(followed.reader.end) on: \(fault)")
      }
    case .end, .unwritten, .asked: followed.damagedLooks = 0
    }
    segments[name] = followed
  }
}

/// That a person pressed Ctrl-C: a flag, so that the line under way is finished.
enum Interrupt {
  private static let flag = Atomic<Bool>(false)

  static var came: Bool { flag.load(ordering: .relaxed) }

  static func listen() {
    // Made here and not in the handler.
    flag.store(false, ordering: .relaxed)
    for number in [SIGINT, SIGTERM] {
      signal(number) { _ in Interrupt.flag.store(true, ordering: .relaxed) }
    }
  }
}
