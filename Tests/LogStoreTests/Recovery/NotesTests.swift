import Testing

@testable import LogStore

/// The notes about this disk: each entry stands for itself, and losing one costs a fetch.
struct NotesTests {
  private func name(_ serial: UInt64) -> SegmentName {
    SegmentName(node: otherNode, log: .facts, serial: Serial(serial), nonce: Nonce(5))
  }

  @Test func entriesComeBackAndRotTakesOneOnly() throws {
    let disk = SimulatedDisk()
    try disk.makeDirectory("/n")
    var (file, notes) = try NotesFile.open(in: "/n", log: .facts, on: disk)
    #expect(notes == Notes())
    let written: [Note] = [
      .durable(name(1), end: Offset(100)), .durable(name(2), end: Offset(200)),
      .damaged(name(3), until: Offset(300)), .durable(name(1), end: Offset(150)),
      .uptime(7_000), .seen(otherNode, at: 6_000),
    ]
    try file.append(Array(written[..<2]), on: disk)
    try file.append(Array(written[2...]), on: disk)
    file.close(on: disk)
    for entry in written.indices {
      for bit in stride(from: entry * 512, to: (entry + 1) * 512, by: 7) {
        try disk.flip(bit: UInt64(bit), of: "/n/notes")
        var expected = Notes()
        for (index, note) in written.enumerated() where index != entry { expected.fold(note) }
        let found = try NotesFile.open(in: "/n", log: .facts, on: disk)
        found.0.close(on: disk)
        // Bytes 6 and 7 of an entry are covered by its checksum like all others.
        #expect(found.1 == expected, "bit \(bit)")
        try disk.flip(bit: UInt64(bit), of: "/n/notes")
      }
    }
  }

  @Test func aTornEntryIsSkippedAndWrittenBehind() throws {
    let disk = SimulatedDisk()
    try disk.makeDirectory("/n")
    try disk.make("/n/notes", [UInt8](repeating: 7, count: 100))
    var (file, _) = try NotesFile.open(in: "/n", log: .facts, on: disk)
    try file.append([.durable(name(1), end: Offset(9))], on: disk)
    let (_, notes) = try NotesFile.open(in: "/n", log: .facts, on: disk)
    #expect(notes.durable == [name(1): Offset(9)])
    #expect(disk.contents(of: "/n/notes")?.count == 192)
  }

  @Test func uptimesOfTheLogComeBackAtTheNextStart() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    #expect(log.notedUptimes == Uptimes())
    log.note(Uptimes(total: 100, seen: [otherNode: 40]))
    log.note(Uptimes(total: 200))
    let image = disk.killImage()
    let again = try openLog(image, seed: 2).log
    #expect(again.notedUptimes == Uptimes(total: 200, seen: [otherNode: 40]))
    again.note(Uptimes(total: 150, seen: [otherNode: 180]))
    let (_, notes) = try NotesFile.open(in: "/facts", log: .facts, on: image)
    #expect(notes.uptimes == Uptimes(total: 200, seen: [otherNode: 180]))
    var rewritten = Notes()
    for note in notes.all { rewritten.fold(note) }
    #expect(rewritten == notes)
  }

  @Test func damageVoidsWhatWasKnownBefore() {
    var notes = Notes()
    notes.fold(.durable(name(1), end: Offset(500)))
    notes.fold(.damaged(name(1), until: Offset(500)))
    notes.fold(.durable(name(1), end: Offset(200)))
    #expect(notes.durable[name(1)] == Offset(200))
    var again = Notes()
    for note in notes.all { again.fold(note) }
    #expect(again == notes)
  }

  @Test func aLongFileIsRewrittenAtTheNextStart() throws {
    let disk = SimulatedDisk()
    let writer = try openLog(SimulatedDisk(), node: otherNode, seed: 5).log
    try commitEach(writer, [record(0)])
    let log = try openLog(disk).log
    try writer.ship(writer.openSegment, to: log)
    try log.commit()
    var (file, _) = try NotesFile.open(in: "/facts", log: .facts, on: disk)
    for serial in 10..<6000 {
      try file.append([.durable(name(UInt64(serial)), end: Offset(9))], on: disk)
    }
    file.close(on: disk)
    _ = try openLog(disk.killImage(), seed: 2)
    let image = disk.killImage()
    _ = try openLog(image, seed: 2)
    #expect(image.contents(of: "/facts/notes")?.count == 64)
    let (_, notes) = try NotesFile.open(in: "/facts", log: .facts, on: image)
    #expect(Set(notes.durable.keys) == [writer.openSegment])
  }
}
