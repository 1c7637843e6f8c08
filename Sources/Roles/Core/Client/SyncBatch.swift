// The keys of one exchange's records, in the order in which they travel, bounded in records and
// bytes.

struct SyncBatch: Sendable {
  private(set) var keys: [ClientRecordKey] = []
  private var tails: [ClientRecordKey] = []
  private var known: Set<ClientRecordKey> = []
  private var bytes = 0
  let recordLimit: Int
  private let byteLimit: Int

  init(records: Int, bytes: Int) {
    recordLimit = max(1, records)
    byteLimit = bytes
  }

  func contains(_ key: ClientRecordKey) -> Bool { known.contains(key) }

  /// False if it doesn't fit; the first always does. One that is there already is there once.
  @discardableResult
  mutating func add(_ key: ClientRecordKey, _ size: Int?) -> Bool {
    if known.contains(key) { return true }
    guard count(key, size) else { return false }
    keys.append(key)
    return true
  }

  /// The same, after the submissions.
  @discardableResult
  mutating func addTail(_ key: ClientRecordKey, _ size: Int?) -> Bool {
    if known.contains(key) { return true }
    guard count(key, size) else { return false }
    tails.append(key)
    return true
  }

  mutating func finish() {
    keys += tails
    tails = []
  }

  private mutating func count(_ key: ClientRecordKey, _ size: Int?) -> Bool {
    guard let size else { return false }
    guard known.isEmpty || known.count < recordLimit && bytes + size <= byteLimit else {
      return false
    }
    known.insert(key)
    bytes += size
    return true
  }
}
