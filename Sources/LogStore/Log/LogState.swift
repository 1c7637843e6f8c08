// What a log knows, without its files: copies and their ends, where the next append goes, what is
// durable. Every question that needs no disk is answered from here, under a lock held briefly.

/// One held segment, own or foreign.
struct Copy: Sendable {
  var end: SegmentEnd
  /// The change that last lengthened it.
  var lastSequence = LogSequence.zero
  /// Damage cut this copy short of here; until it is longer again it is not complete.
  var damagedUntil: Offset?
  /// Records before this were testified durable by a frame in this segment (own segments).
  var testified = Ordinal.zero
  /// Written by this process: its bytes are nobody else's to give.
  var isOurs = false

  var isComplete: Bool { (damagedUntil ?? .zero) <= end.end }
}

struct LogState: ~Copyable, Sendable {
  /// Sorted by name.
  private(set) var copies: [Copy] = []
  var retirements = RetirementTable()
  var gather = Gather()

  /// Where appends go. Its file is made by the first write.
  var current: SegmentName
  /// The writer's segment before `current`.
  var previous: Nonce?
  var nextOrdinal = Ordinal.zero
  /// The lowest serial that this process opened: own segments from there on are ours alone.
  var firstSerial: Serial
  /// The segment to follow, if its file was made ready.
  var nextReady: SegmentHeader?
  /// The segment whose successor could not be made ready.
  var nextRefused: Nonce?
  /// Upper bound of the current segment's length, were all that waits framed uncompressed.
  var estimate = UInt64(Format.segmentHeaderSize)
  /// Set by `seal`: the next append starts a new segment.
  var rollRequested = false
  /// Bytes in copies' files, as far as written.
  private(set) var used: UInt64 = 0
  /// Upper bound of the bytes that frames in any gather will take.
  var pending: UInt64 = 0
  /// Raw bytes in any gather.
  var buffered = 0

  var sequence = LogSequence.zero
  var durable = LogSequence.zero
  var poison: FileError?
  var isClosed = false
  /// The last write found no space; appends outside the reserve are refused until one succeeds.
  var fullness: Fullness?
  /// Damage found at start that a later ingest has to heal, for segments not held at all.
  var missing: [SegmentName: Offset] = [:]
  /// What the checkpoint on disk counts, and one that waits to take its place.
  var checkpoint: [SegmentName: SegmentMark]?
  var pendingCheckpoint: PendingCheckpoint?
  /// Bytes that were put into segments since the start, deleted ones included.
  private(set) var written: UInt64 = 0
  private var nonces: SplitMix64

  init(current: SegmentName, previous: Nonce?, nonceSeed: UInt64) {
    self.current = current
    self.previous = previous
    firstSerial = current.serial
    nonces = SplitMix64(seed: nonceSeed)
  }

  /// Throws if the log takes no more changes.
  func check() throws(LogError) {
    if let poison { throw .poisoned(poison) }
    if isClosed { throw .closed }
  }

  // MARK: copies

  private func index(of name: SegmentName) -> (found: Bool, at: Int) {
    var low = 0
    var high = copies.count
    while low < high {
      let middle = (low + high) / 2
      if copies[middle].end.name < name { low = middle + 1 } else { high = middle }
    }
    return (low < copies.count && copies[low].end.name == name, low)
  }

  subscript(name: SegmentName) -> Copy? {
    let (found, at) = index(of: name)
    return found ? copies[at] : nil
  }

  mutating func update(_ copy: Copy) {
    let (found, at) = index(of: copy.end.name)
    if found {
      written += copy.end.end.value - min(copies[at].end.end.value, copy.end.end.value)
      used -= copies[at].end.end.value
      copies[at] = copy
    } else {
      copies.insert(copy, at: at)
      written += copy.end.end.value
    }
    used += copy.end.end.value
  }

  mutating func remove(_ name: SegmentName) {
    let (found, at) = index(of: name)
    guard found else { return }
    used -= copies[at].end.end.value
    copies.remove(at: at)
  }

  /// What the notes have to tell, anew.
  var notes: Notes {
    var notes = Notes()
    for (name, until) in missing { notes.fold(.damaged(name, until: until)) }
    for copy in copies {
      if let until = copy.damagedUntil { notes.fold(.damaged(copy.end.name, until: until)) }
      notes.fold(.durable(copy.end.name, end: copy.end.durableEnd))
    }
    return notes
  }

  // MARK: sealing

  /// The next serial: above every serial of this node in any file, retirement or floor.
  func serialAfter(_ highest: Serial) -> Serial {
    max(highest, retirements.highestSerial(of: current.node, current.log) ?? Serial(0)).next
  }

  mutating func drawNonce(_ draw: (@Sendable () -> UInt64)?) -> Nonce {
    Nonce(draw.map { $0() } ?? nonces.next())
  }

  mutating func roll(draw: (@Sendable () -> UInt64)?) {
    let next =
      takeNext()
      ?? SegmentName(
        node: current.node, log: current.log, serial: serialAfter(current.serial),
        nonce: drawNonce(draw))
    if nextOrdinal > .zero { previous = current.nonce }
    current = next
    nextOrdinal = .zero
    estimate = UInt64(Format.segmentHeaderSize)
    rollRequested = false
  }
}

/// A small seeded generator: each output is a mix of a counter, so any state is a good seed.
struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
