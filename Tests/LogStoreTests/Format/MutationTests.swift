import Testing

@testable import LogStore

/// F7, F15: valid bytes, mutated, into every decoder. None traps, none takes more memory than the
/// format's bounds, and none gives anything else than was written unless the checksum was made
/// anew. Seeds are the numbers of the mutations.
struct MutationTests {
  private static let amount = TestAmount.mutations

  /// A segment whose frames are compressed with `codec`, and where each starts.
  fileprivate struct Sample {
    let name: SegmentName
    let bytes: [UInt8]
    let records: [Record]
    let frames: [Int]

    init(_ codec: Codec) throws {
      let log = try openLog(
        SimulatedDisk(), node: otherNode, options: smallOptions { $0.codec = codec }
      ).log
      var records: [Record] = []
      var frames: [Int] = []
      for index in 0..<6 {
        var batch = (0..<(1 + index % 4)).map { record(index * 10 + $0, size: 90 + 40 * index) }
        if index == 4 {
          let own = SegmentName(node: testNode, log: .facts, serial: Serial(1), nonce: Nonce(4))
          batch += [
            Retirement.retired(own).record,
            Retirement.floor(otherNode, .facts, below: Serial(1))
              .record, Retirement.closed(testNode, .facts, Serial(3)).record,
          ]
        }
        frames.append(Int(log.end(of: log.openSegment)?.end.value ?? 64))
        try log.append(RecordBatch(batch))
        try log.commit()
        records += batch
      }
      name = log.openSegment
      bytes = try log.read(name, from: .zero, maxBytes: .max)
      self.records = records
      self.frames = frames
    }
  }

  @Test(arguments: Codec.allCases)
  func segmentsOnDisk(codec: Codec) throws {
    let sample = try Sample(codec)
    var decoder = PayloadDecoder()
    for seed in 0..<Self.amount {
      var mutator = Mutator(seed: UInt64(seed) << 8 | 1)
      var bytes = sample.bytes
      mutator.mutate(&bytes, fields: sample.fields)
      let isResealed = seed % 2 == 1
      if isResealed {
        Resealing.entry(&bytes, at: 0)
        for start in sample.frames { Resealing.frame(&bytes, at: start) }
      }
      let disk = SimulatedDisk()
      try disk.make("/f", bytes)
      var found: [Record] = []
      let scan = try? SegmentScan.scan(sample.name, path: "/f", on: disk, decoder: &decoder) {
        found.append(Record(kind: $1, payload: [UInt8]($2)))
      }
      #expect(decoder.held <= 2 * Format.largestFrame, "I9: mutation \(seed)")
      guard !isResealed else { continue }
      #expect(found[...] == sample.records.prefix(found.count), "mutation \(seed)")
      #expect(scan == nil || scan?.end ?? 0 <= sample.bytes.count)
    }
    #expect(disk(sample.bytes, holds: sample))
  }

  private func disk(_ bytes: [UInt8], holds sample: Sample) -> Bool {
    let disk = SimulatedDisk()
    var decoder = PayloadDecoder()
    var found: [Record] = []
    guard (try? disk.make("/f", bytes)) != nil else { return false }
    _ = try? SegmentScan.scan(sample.name, path: "/f", on: disk, decoder: &decoder) {
      found.append(Record(kind: $1, payload: [UInt8]($2)))
    }
    return found == sample.records
  }

  /// Into a running log, which goes on: it takes appends, commits, shows what it holds, and starts
  /// again.
  @Test(arguments: Codec.allCases)
  func offersFromPeers(codec: Codec) throws {
    let sample = try Sample(codec)
    var taken = 0
    var log = try openLog(SimulatedDisk()).log
    var disk = SimulatedDisk()
    for seed in 0..<Self.amount {
      if seed % 50 == 0 {
        disk = SimulatedDisk()
        log = try openLog(disk).log
      }
      var mutator = Mutator(seed: UInt64(seed) << 8 | 2)
      let held = Int(log.end(of: sample.name)?.end.value ?? 0)
      let at = held == 0 || mutator.below(8) == 0 ? 0 : held
      let next = sample.frames.first { $0 > held } ?? sample.bytes.count
      var offer = Array(
        sample.bytes[at..<max(at, mutator.below(3) == 0 ? sample.bytes.count : next)])
      let isWhole = mutator.below(12) == 0
      let isResealed = mutator.below(2) == 0
      if !isWhole {
        let starts = sample.frames.filter { $0 >= at }.map { $0 - at }
        mutator.mutate(
          &offer, fields: starts.flatMap { start in Resealing.frameFields.map { start + $0 } })
        if isResealed {
          if at == 0 { Resealing.entry(&offer, at: 0) }
          for start in starts { Resealing.frame(&offer, at: start) }
        }
      }
      do throws(IngestError) {
        _ = try log.takeBytes(sample.name, at: Offset(UInt64(at)), offer)
        taken += 1
      } catch {
        if isWhole, case .damaged = error { Issue.record("\(seed): intact and refused") }
      }
      try log.append(record(seed))
      if seed % 7 == 0 { try log.commit() }
      guard seed % 50 == 49 else { continue }
      for end in log.vector() { try log.forEachRecord(in: end.name) { _, _, _ in } }
      try log.commit()
      _ = try openLog(disk.killImage(), seed: UInt64(seed))
    }
    #expect(taken > Self.amount / 20)
  }

  /// What was not resealed and is taken is what was written.
  @Test func offersAreTakenOnlyAsWritten() throws {
    let sample = try Sample(.lz4)
    var decoder = PayloadDecoder()
    var news = 0
    for seed in 0..<Self.amount {
      var mutator = Mutator(seed: UInt64(seed) << 8 | 3)
      var bytes = sample.bytes
      if seed % 10 > 0 { mutator.mutate(&bytes, fields: sample.fields) }
      try bytes.withUnsafeBytes { raw in
        let offer = Offer(name: sample.name, offset: 0, bytes: raw)
        do throws(IngestError) {
          let relation = try offer.relation(decoder: &decoder) { _, _ throws(LogError) in [] }
          guard case .news(let found) = relation else { return }
          news += 1
          let isPrefix = Array(found.bytes)[...] == sample.bytes.prefix(found.bytes.count)
          #expect(isPrefix, "mutation \(seed)")
        } catch {
          guard case .damaged = error else { throw error }
        }
      }
      #expect(decoder.held <= 2 * Format.largestFrame, "I9: mutation \(seed)")
    }
    #expect(news >= Self.amount / 10)
  }

  /// Compressed payloads alone, under a header that tells a size of its own.
  @Test(arguments: [Codec.lz4, .zlib])
  func payloads(codec: Codec) throws {
    let sample = try Sample(codec)
    var decoder = PayloadDecoder()
    var decoded = 0
    for seed in 0..<Self.amount {
      var mutator = Mutator(seed: UInt64(seed) << 8 | 4)
      let index = mutator.below(sample.frames.count)
      let end = index + 1 < sample.frames.count ? sample.frames[index + 1] : sample.bytes.count
      var frame = Array(sample.bytes[sample.frames[index]..<end])
      var payload = Array(frame[Format.frameHeaderSize...])
      mutator.mutate(&payload)
      frame = Array(frame[..<Format.frameHeaderSize]) + payload
      if seed % 3 == 0 { mutator.mutate(&frame, fields: [16, 20, 24]) }
      frame.withUnsafeBytes { bytes in
        guard let header = try? FrameHeader(decoding: bytes), header.totalSize <= bytes.count
        else { return }
        guard let raw = try? decoder.records(of: header, in: bytes) else { return }
        decoded += 1
        var walker = RecordWalker(raw)
        for _ in 0..<header.count { _ = try? walker.next() }
        #expect(walker.isAtEnd, "mutation \(seed)")
      }
      #expect(decoder.held <= 2 * Format.largestFrame, "I9: mutation \(seed)")
    }
    #expect(decoded > 0)
  }

  @Test func recordBatches() {
    var batch = RecordBatch()
    for index in 0..<8 { batch.append(record(index, size: index * 9)) }
    var intact = 0
    for seed in 0..<(4 * Self.amount) {
      var mutator = Mutator(seed: UInt64(seed) << 8 | 5)
      var bytes = batch.bytes
      mutator.mutate(&bytes, fields: [0, 4, 6, 10, 21, 25])
      bytes.withUnsafeBytes { bytes in
        var walker = RecordWalker(bytes)
        var size = 0
        while let (_, payload) = try? walker.next() {
          size += payload.count + Format.recordHeaderSize
          if walker.isAtEnd { break }
        }
        #expect(size <= bytes.count, "mutation \(seed)")
        if (try? RecordWalker.check(bytes, count: 8)) != nil { intact += 1 }
      }
    }
    #expect(intact > 0)
  }

  @Test func manifests() {
    let chunks = (0..<3).map { Hash256.of([UInt8($0)]) }
    let size = 2 * ArchiveManifest.chunkSize + 5
    let manifest = ArchiveManifest(id: Hash256.of([9]), size: size, chunks: chunks)
    for seed in 0..<(4 * Self.amount) {
      var mutator = Mutator(seed: UInt64(seed) << 8 | 6)
      var bytes = manifest.payload
      mutator.mutate(&bytes, fields: [32, 40])
      guard let found = bytes.withUnsafeBytes({ ArchiveManifest(payload: $0) }) else { continue }
      #expect(found.isSound && found.payload == bytes, "mutation \(seed)")
    }
  }

  @Test func retirements() {
    let name = SegmentName(node: testNode, log: .facts, serial: Serial(7), nonce: Nonce(8))
    let records = [
      Retirement.retired(name), .floor(testNode, .facts, below: Serial(300)),
      .closed(testNode, .facts, Serial(70_000)),
    ].map(\.record)
    for seed in 0..<(4 * Self.amount) {
      var mutator = Mutator(seed: UInt64(seed) << 8 | 7)
      var record = records[seed % 3]
      mutator.mutate(&record.payload, fields: Array(0..<record.payload.count))
      var table = RetirementTable()
      record.payload.withUnsafeBytes { table.fold(record.kind, $0, sequence: .zero) }
      let highest = table.highestSerial(of: testNode, .facts) ?? Serial(0)
      #expect(highest.value <= Format.largestSerial, "mutation \(seed)")
    }
  }
}

extension MutationTests.Sample {
  fileprivate var fields: [Int] {
    [0, 8, 12, 16, 32, 40, 48, 56]
      + frames.flatMap { start in Resealing.frameFields.map { start + $0 } }
  }
}
