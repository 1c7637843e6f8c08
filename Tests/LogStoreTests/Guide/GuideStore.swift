// What docs/LOGSTORE.md shows, as a foreign package would write it: with the public API alone.
// GuideTests holds the document to this file.

import LogStore
import Synchronization

/// A small durable map from text to text.
final class Notebook: Sendable {
  private static let put = RecordKind(16)

  private let directory: NodeDirectory
  private let log: Log
  private let writer: LogWriter
  private let pages: Mutex<[String: String]>

  init(at path: String) throws(LogError) {
    var dice = SystemRandomNumberGenerator()
    let fs = PosixFileSystem()
    directory = try NodeDirectory.open(path, on: fs, entropy: &dice)
    var options = LogOptions()
    options.segmentLimit = 16 << 20
    options.drawNonce = { SystemRandomNumberGenerator.draw() }
    var found: [String: String] = [:]
    let report: RecoveryReport
    (log, report) = try Log.open(
      directory.facts, on: fs, node: directory.node, log: .facts, options: options, entropy: &dice
    ) { position, kind, payload in
      if let (page, text) = Notebook.read(kind, payload) { found[page] = text }
    }
    for incident in report.incidents { print("recovery: \(incident)") }
    pages = Mutex(found)
    writer = LogWriter(log, policy: .group(maxDelay: .zero))
  }

  subscript(page: String) -> String? { pages.withLock { $0[page] } }

  /// Returns when it is on the disk. Threads that write at once share a sync.
  func write(_ text: String, on page: String) throws(LogError) {
    var batch = RecordBatch()
    batch.append(kind: Notebook.put, payload: [UInt8](page.utf8) + [0] + [UInt8](text.utf8))
    // The order of the appends is the order of the pages' states.
    let appended = try pages.withLock { pages throws(LogError) in
      let appended = try writer.append(batch)
      pages[page] = text
      return appended
    }
    try writer.awaitDurable(appended.sequence)
  }

  func close() throws(LogError) {
    writer.stop()
    try log.close()
    directory.close()
  }

  private static func read(
    _ kind: RecordKind, _ payload: UnsafeRawBufferPointer
  ) -> (page: String, text: String)? {
    guard kind == put, let end = payload.firstIndex(of: 0) else { return nil }
    let page = String(decoding: payload[..<end], as: UTF8.self)
    return (page, String(decoding: payload[(end + 1)...], as: UTF8.self))
  }

  /// Gives space back. One call does a bounded piece of work; call it now and then.
  func clean(_ drainer: inout Drainer, at now: UInt64) throws(LogError) -> Bool {
    let step = try drainer.step(
      log, at: now,
      Drainer.Questions(
        caughtUp: true, mayRetire: { _ in false },
        isDead: { kind, payload in
          guard let (page, text) = Notebook.read(kind, payload) else { return false }
          return self[page] != text
        }))
    if step.waitsFor != nil || log.hasPendingCheckpoint { try log.commit() }
    return step.hasMore || step.waitsFor != nil
  }

  func makeDrainer() -> Drainer { Drainer(of: log) }
  var bytesUsed: UInt64 { log.bytesUsed }
  var segments: [SegmentEnd] { log.vector() }

  /// Everything that was ever written and is still held, then what comes, until `close`.
  func follow(_ body: (String, String) -> Void) throws(LogError) {
    var follower = LogFollower(log, writer)
    while try follower.next({ _, kind, payload in
      if let (page, text) = Notebook.read(kind, payload) { body(page, text) }
    }) {}
  }

  /// Gives `other` what it lacks of this notebook's segments, byte for byte.
  func ship(to other: Notebook) throws {
    for end in log.vector() {
      while true {
        let from = other.log.end(of: end.name)?.end ?? .zero
        let bytes = try log.read(end.name, from: from, maxBytes: 1 << 20)
        if bytes.isEmpty { break }
        try bytes.withUnsafeBytes { bytes in
          _ = try other.log.ingest(end.name, at: from, bytes) { _, kind, payload in
            guard let (page, text) = Notebook.read(kind, payload) else { return }
            other.pages.withLock { $0[page] = text }
          }
        }
      }
    }
    try other.log.commit()
  }
}

extension SystemRandomNumberGenerator {
  static func draw() -> UInt64 {
    var dice = SystemRandomNumberGenerator()
    return dice.next()
  }
}
