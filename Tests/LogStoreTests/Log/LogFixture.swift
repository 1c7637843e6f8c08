import Testing

@testable import LogStore

// What the log's tests share: a log on a simulated disk, records that are easy to tell apart, and
// bytes of one log given to another.

struct LogFixture {
  var log: Log
  var report: RecoveryReport
  var visited: [Visited]
}

struct Visited: Hashable {
  var position: Position
  var record: Record
}

let testNode = NodeID(ID128(high: 0x1111, low: 0x2222))
let otherNode = NodeID(ID128(high: 0x3333, low: 0x4444))

func smallOptions(_ change: (inout LogOptions) -> Void = { _ in }) -> LogOptions {
  var options = LogOptions()
  options.codec = .none
  options.reserve = 0
  change(&options)
  return options
}

func openLog(
  _ disk: any FileSystem, node: NodeID = testNode, seed: UInt64 = 1, directory: String = "/facts",
  options: LogOptions = smallOptions(), knownSerial: Serial? = nil
) throws -> LogFixture {
  var dice = SplitMix64(seed: seed)
  var visited: [Visited] = []
  let (log, report) = try Log.open(
    directory, on: disk, node: node, log: .facts, options: options, entropy: &dice,
    knownSerial: knownSerial
  ) {
    visited.append(
      Visited(position: $0, record: Record(kind: $1, payload: [UInt8]($2))))
  }
  return LogFixture(log: log, report: report, visited: visited)
}

func record(_ number: Int, size: Int = 40) -> Record {
  var payload = [UInt8](repeating: UInt8(truncatingIfNeeded: number &* 31 &+ 7), count: size)
  for index in 0..<min(8, size) {
    payload[index] = UInt8(truncatingIfNeeded: number >> (8 * index))
  }
  return Record(kind: RecordKind(UInt16(20 + number % 5)), payload: payload)
}

/// Appends and commits each as a frame of its own.
@discardableResult
func commitEach(_ log: Log, _ records: [Record]) throws -> [Position] {
  try records.map {
    let appended = try log.append($0)
    try log.commit()
    return appended.first
  }
}

func records(_ log: Log, _ name: SegmentName) throws -> [Record] {
  var found: [Record] = []
  try log.forEachRecord(in: name) { found.append(Record(kind: $1, payload: [UInt8]($2))) }
  return found
}

extension Log {
  func takeBytes(
    _ name: SegmentName, at offset: Offset, _ bytes: [UInt8], _ visit: Visit = { _, _, _ in }
  ) throws(IngestError) -> (SegmentEnd, LogSequence) {
    try bytes.withUnsafeBufferPointer { buffer throws(IngestError) in
      try ingest(name, at: offset, UnsafeRawBufferPointer(buffer), visit: visit)
    }
  }

  /// Ships everything that `other` lacks of `name`, in pieces of `step` bytes.
  func ship(_ name: SegmentName, to other: Log, step: Int = 64 * 1024) throws {
    while true {
      let from = other.end(of: name)?.end ?? .zero
      let bytes = try read(name, from: from, maxBytes: step)
      if bytes.isEmpty { return }
      _ = try other.takeBytes(name, at: from, bytes)
    }
  }

  func segmentPath(_ name: SegmentName) -> String { path(of: name) }
}
