import LogStore
import RolesCore

// What the bytes of a directory are: live or dead by the rule of the engine's cleaner. The facts
// are folded into a ledger first, then each record is asked about; so the memory is bounded by the
// ledger and by what is live, not by the log.

/// Records and their bytes, each with the six of its length and kind.
struct Tally: Equatable {
  var records: UInt64 = 0
  /// Can matter again.
  var live: UInt64 = 0
  /// Dead for ever.
  var dead: UInt64 = 0
  /// Live, but an equal record stands in a segment that is later in the common order of names.
  var covered: UInt64 = 0

  var bytes: UInt64 { live + dead + covered }
  var garbage: UInt64 { dead + covered }

  mutating func add(_ size: UInt64, _ standing: Standing) {
    records += 1
    switch standing {
    case .live: live += size
    case .dead: dead += size
    case .covered: covered += size
    }
  }

  mutating func add(_ other: Tally) {
    records += other.records
    live += other.live
    dead += other.dead
    covered += other.covered
  }
}

enum Standing { case live, dead, covered }

/// Frames and times beside the records.
struct Weights: Equatable {
  var frames: UInt64 = 0
  /// Of the records before compression.
  var raw: UInt64 = 0
  /// Of the records as they are stored.
  var stored: UInt64 = 0
  /// Wall times that records tell, milliseconds since 1970.
  var oldest: UInt64?
  var newest: UInt64?

  mutating func add(_ other: Weights) {
    frames += other.frames
    raw += other.raw
    stored += other.stored
    for time in [other.oldest, other.newest] { note(time) }
  }

  mutating func note(_ time: UInt64?) {
    // A record without a clock says 0.
    guard let time, time > 0 else { return }
    oldest = min(oldest ?? time, time)
    newest = max(newest ?? time, time)
  }
}

struct Statistics {
  struct Segment {
    var found: LogInspection.Segment
    var tally = Tally()
    var weights = Weights()
  }

  struct Session {
    /// Nil: records that belong to no session.
    var name: SessionName?
    var user = ""
    var session = ""
    var tally = Tally()
  }

  private(set) var segments: [Segment] = []
  private(set) var kinds: [RecordKind: Tally] = [:]
  private(set) var sessions: [Session] = []
  private(set) var total = Tally()
  private(set) var weights = Weights()
  private(set) var state = LogInspection.State.sound
  private(set) var unreadable: [(file: String, error: LogError)] = []
  /// Facts were at hand: without them no record counts as dead.
  private(set) var knowsFacts = false

  private let fs: any FileSystem
  private var ledger = Ledger()
  private var liveChunks: Set<Hash256> = []
  private var named: Set<Hash256> = []
  private var bySession: [SessionName?: Tally] = [:]

  init(on fs: any FileSystem) { self.fs = fs }

  /// `facts`: the log of facts that tells what is dead, shown or not.
  mutating func gather(_ places: [LogPlace], facts: LogPlace?) throws(LogError) {
    if let facts, !places.contains(facts) { _ = try fold(facts) }
    for place in places {
      let node = try NodeDirectory.identity(of: place.nodeDirectory, on: fs)
      let inspection =
        place == facts
        ? try fold(place)
        : try LogInspection.read(
          place.directory, only: place.file, node: node, on: fs,
          visit: { noteManifest($1, $2) })
      state = max(state, inspection.state)
      unreadable += inspection.unreadable.map { (inspection.directory + "/" + $0.file, $0.error) }
      try account(inspection)
    }
    segments.sort { $0.found.name < $1.found.name }
    sessions = bySession.map { name, tally in
      let entry = name.flatMap { ledger.session($0) }
      return Session(
        name: name, user: entry?.userText ?? "", session: entry?.sessionText ?? "", tally: tally)
    }.sorted { ($0.tally.bytes, $1.key) > ($1.tally.bytes, $0.key) }
  }

  /// The fold: the same batches in which a start folds them.
  private mutating func fold(_ place: LogPlace) throws(LogError) -> LogInspection {
    let node = try NodeDirectory.identity(of: place.nodeDirectory, on: fs)
    var batch = FactBatch(
      segment: SegmentName(
        node: NodeID(ID128(high: 0, low: 0)), log: .facts, serial: Serial(0), nonce: Nonce(0)),
      firstOrdinal: .zero, records: [], sequence: .zero)
    let inspection = try LogInspection.read(
      place.directory, only: place.file, node: node, on: fs
    ) { position, kind, payload in
      if batch.records.count >= 1024 || batch.segment != position.segment {
        if !batch.records.isEmpty { _ = ledger.fold(batch) }
        batch = FactBatch(
          segment: position.segment, firstOrdinal: position.ordinal, records: [],
          sequence: .zero)
      }
      batch.records.append(Record(kind: kind, payload: [UInt8](payload)))
    }
    if !batch.records.isEmpty { _ = ledger.fold(batch) }
    knowsFacts = inspection.log == .facts
    named = ledger.namedArchives
    return inspection
  }

  private mutating func noteManifest(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    guard kind == .archiveManifest, payload.count >= 44,
      let id = Hash256(bytes: payload.prefix(32)), named.contains(id)
    else { return }
    for start in stride(from: 44, through: payload.count - 32, by: 32) {
      if let chunk = Hash256(bytes: payload[start..<start + 32]) { liveChunks.insert(chunk) }
    }
  }

  /// From the last segment in the order of names to the first, so that what covers is known before
  /// what it covers.
  private mutating func account(_ inspection: borrowing LogInspection) throws(LogError) {
    var covers: [UInt64: Int] = [:]
    for (index, found) in inspection.segments.enumerated().reversed() {
      var segment = Segment(found: found)
      var reader = SegmentReader(found.name, path: found.path, on: fs)
      _ = try reader.read { frame in
        segment.weights.frames += 1
        segment.weights.raw += UInt64(frame.rawSize)
        segment.weights.stored += UInt64(frame.storedSize)
        return true
      } record: { _, kind, payload in
        let size = UInt64(payload.count + 6)
        var standing = isDead(kind, payload, inspection) ? Standing.dead : .live
        if standing == .live {
          let hash = RecordContent.hash(kind, payload)
          if let cover = covers[hash] {
            if cover != index { standing = .covered }
          } else {
            covers[hash] = index
          }
        }
        let subject = RecordSubject(kind, payload)
        segment.weights.note(subject.time)
        segment.tally.add(size, standing)
        kinds[kind, default: Tally()].add(size, standing)
        bySession[subject.session, default: Tally()].add(size, standing)
        return true
      }
      total.add(segment.tally)
      weights.add(segment.weights)
      segments.append(segment)
    }
  }

  /// As EngineCleaning asks: the log for its own kinds, the ledger for facts, and for archives
  /// whether a live fact names them.
  private func isDead(
    _ kind: RecordKind, _ payload: UnsafeRawBufferPointer,
    _ inspection: borrowing LogInspection
  ) -> Bool {
    if kind.isLogStores { return inspection.isDeadForEver(kind, payload) }
    guard inspection.log == .archives else { return ledger.isDeadForEver(kind, payload) }
    guard knowsFacts, let hash = Hash256(bytes: payload.prefix(32)) else { return false }
    switch kind {
    case .archiveManifest: return !named.contains(hash)
    case .archiveChunk: return !liveChunks.contains(hash)
    default: return false
    }
  }
}

extension Statistics.Session {
  fileprivate var key: String { name.map { "\($0)" } ?? "" }
}
