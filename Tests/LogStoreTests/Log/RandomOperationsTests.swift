import Testing

@testable import LogStore

/// Three nodes, random operations, against a model that is an array of records a segment: appends,
/// batches, writes, commits, seals, shipping, kills, power cuts. F1, F3, F9 against I1 and I2.
struct RandomOperationsTests {
  @Test(arguments: 0..<TestAmount.modelSeeds)
  func agreesWithTheModel(seed: Int) throws {
    var model = try Model(seed: UInt64(seed))
    for _ in 0..<400 { try model.step() }
    try model.settle()
    print("random operations: seed \(seed), \(model.steps)")
  }
}

private struct Model {
  /// What a node's log was told, by segment; the writer's own bytes are the truth of I2.
  struct Node {
    var id: NodeID
    var disk: SimulatedDisk
    var log: Log
    /// Records that its log reported as durable, wherever they stand.
    var durable: Set<Record> = []
    var unsynced: [Record] = []
    var starts: UInt64 = 0
  }

  var dice: SplitMix64
  var nodes: [Node] = []
  /// The bytes of each segment as far as anyone has seen them.
  var bytes: [SegmentName: [UInt8]] = [:]
  var counter = 0
  var steps: [String: Int] = [:]
  var serials: [NodeID: Serial] = [:]

  static let options = smallOptions {
    $0.codec = .lz4
    $0.segmentLimit = 4096
    $0.frameLimit = 2048
  }

  init(seed: UInt64) throws {
    dice = SplitMix64(seed: seed)
    for index in 0..<3 {
      let id = NodeID(ID128(high: 7, low: UInt64(index)))
      let disk = SimulatedDisk()
      let fixture = try openLog(
        disk, node: id, seed: seed * 10 + UInt64(index), options: Model.options)
      nodes.append(Node(id: id, disk: disk, log: fixture.log))
    }
  }

  mutating func step() throws {
    let at = Int(dice.next() % 3)
    switch dice.next() % 20 {
    case 0..<7: try append(at)
    case 7..<9:
      try nodes[at].log.write()
      count("write")
    case 9..<13: try commit(at)
    case 13:
      nodes[at].log.seal()
      count("seal")
    case 14:
      try nodes[at].log.idle()
      count("idle")
    case 15..<18: try ship(at, to: (at + 1 + Int(dice.next() % 2)) % 3)
    case 18: try restart(at, powerCut: false)
    default: try restart(at, powerCut: dice.next() % 2 == 0)
    }
  }

  mutating func count(_ name: String) { steps[name, default: 0] += 1 }

  mutating func append(_ at: Int) throws {
    let items = (0..<(1 + Int(dice.next() % 4))).map { _ -> Record in
      counter += 1
      return record(counter, size: 8 + Int(dice.next() % 300))
    }
    let before = nodes[at].log.sequence
    let appended = try nodes[at].log.append(RecordBatch(items))
    #expect(appended.sequence == before.next)
    nodes[at].unsynced += items
    steps["append", default: 0] += 1
    if dice.next() % 4 == 0 {
      for (index, item) in items.enumerated() {
        let place = Position(
          segment: appended.first.segment, ordinal: appended.first.ordinal + index)
        #expect(try nodes[at].log.record(at: place) == item)
      }
    }
  }

  mutating func commit(_ at: Int) throws {
    try nodes[at].log.commit()
    #expect(nodes[at].log.durable == nodes[at].log.sequence)
    nodes[at].durable.formUnion(nodes[at].unsynced)
    nodes[at].unsynced = []
    steps["commit", default: 0] += 1
  }

  /// Some of what one node holds more of, in pieces, sometimes from a wrong place.
  mutating func ship(_ from: Int, to: Int) throws {
    for end in nodes[from].log.vector() {
      let name = end.name
      let have = nodes[to].log.end(of: name)?.end ?? .zero
      guard have < end.end, dice.next() % 3 != 0 else { continue }
      let size = 200 + Int(dice.next() % 3000)
      let start = dice.next() % 4 == 0 ? Offset.zero : have
      let piece = try nodes[from].log.read(name, from: start, maxBytes: size)
      var taken: [Record] = []
      do throws(IngestError) {
        _ = try nodes[to].log.takeBytes(name, at: start, piece) {
          taken.append(Record(kind: $1, payload: [UInt8]($2)))
        }
      } catch {
        Issue.record("refused: \(error)")
      }
      nodes[to].unsynced += taken
      steps["ship", default: 0] += 1
      try note(to, name)
    }
  }

  /// I2: every copy is a prefix of the one sequence of bytes of its name.
  mutating func note(_ at: Int, _ name: SegmentName) throws {
    let copy = try nodes[at].log.read(name, from: .zero, maxBytes: .max)
    let known = bytes[name] ?? []
    let common = min(copy.count, known.count)
    #expect(copy[..<common] == known[..<common], "\(name) has two histories")
    if copy.count > known.count { bytes[name] = copy }
  }

  mutating func restart(_ at: Int, powerCut: Bool) throws {
    steps[powerCut ? "power cut" : "kill", default: 0] += 1
    let node = nodes[at]
    nodes[at].disk =
      powerCut ? node.disk.crashImage(seed: dice.next()) : node.disk.killImage()
    nodes[at].starts += 1
    let fixture = try openLog(
      nodes[at].disk, node: node.id, seed: dice.next(), options: Model.options)
    nodes[at].log = fixture.log
    let found = Set(fixture.visited.map(\.record))
    #expect(found.isSuperset(of: node.durable), "I1: durable records are gone")
    let kinds = Set(fixture.report.incidents.map(\.decision))
    #expect(kinds.isSubset(of: [.cutTornTail, .cutAndFetch]), "\(fixture.report)")
    nodes[at].durable = found
    nodes[at].unsynced = []
    let serial = fixture.log.openSegment.serial
    for name in bytes.keys where name.node == node.id {
      #expect(name.serial < serial, "a serial is used twice")
    }
    for end in nodes[at].log.vector() { try note(at, end.name) }
    // What it sees of itself elsewhere, it takes back.
    for other in 0..<3 where other != at {
      for end in nodes[other].log.vector() where end.name.node == node.id {
        try take(end.name, from: other, to: at)
      }
    }
  }

  mutating func take(_ name: SegmentName, from: Int, to: Int) throws {
    while true {
      let have = nodes[to].log.end(of: name)?.end ?? .zero
      guard have < nodes[from].log.end(of: name)?.end ?? .zero else { return }
      let piece = try nodes[from].log.read(name, from: have, maxBytes: 8192)
      _ = try nodes[to].log.takeBytes(name, at: have, piece) {
        nodes[to].unsynced.append(
          Record(kind: $1, payload: [UInt8]($2)))
      }
    }
  }

  /// Everybody gets everything: all copies are equal, record for record.
  mutating func settle() throws {
    for node in nodes { try node.log.commit() }
    for _ in 0..<2 {
      for from in 0..<3 {
        for to in 0..<3 where to != from {
          for end in nodes[from].log.vector() where end.name != nodes[to].log.openSegment {
            try take(end.name, from: from, to: to)
          }
        }
      }
    }
    let names = nodes.map { $0.log.vector().map(\.name) }
    #expect(names[0] == names[1] && names[1] == names[2])
    for name in names[0] {
      let copies = try nodes.map { try $0.log.read(name, from: .zero, maxBytes: .max) }
      #expect(copies[0] == copies[1] && copies[1] == copies[2])
      let walked = try nodes.map { try records($0.log, name) }
      #expect(walked[0] == walked[1] && walked[1] == walked[2])
    }
  }
}
