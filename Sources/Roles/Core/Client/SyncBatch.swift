// The keys of one exchange's records, in the order in which they travel, bounded in records and
// bytes.

struct SyncBatch: Sendable {
  private var heads: [ClientRecordKey] = []
  private var submissions: [ClientRecordKey] = []
  private var tails: [ClientRecordKey] = []
  private var known: Set<ClientRecordKey> = []
  private var bytes = 0
  let recordLimit: Int
  private let byteLimit: Int

  init(records: Int, bytes: Int) {
    recordLimit = max(1, records)
    byteLimit = bytes
  }

  var keys: [ClientRecordKey] { heads + submissions + tails }
  var count: Int { known.count }

  func contains(_ key: ClientRecordKey) -> Bool { known.contains(key) }

  /// Opened or Released: ahead of all others and whatever the limits say: these are few
  /// (ReleaseLedger sees to it), and nothing is understood without them.
  mutating func addHead(_ key: ClientRecordKey, _ size: Int?) {
    guard let size, known.insert(key).inserted else { return }
    heads.append(key)
    bytes += size
  }

  /// False if it doesn't fit; the first always does. One that is there already is there once.
  @discardableResult
  mutating func addSubmission(_ key: ClientRecordKey, _ size: Int?) -> Bool {
    if known.contains(key) { return true }
    guard count(key, size) else { return false }
    submissions.append(key)
    return true
  }

  /// The same, for what is said of a call.
  @discardableResult
  mutating func addTail(_ key: ClientRecordKey, _ size: Int?) -> Bool {
    if known.contains(key) { return true }
    guard count(key, size) else { return false }
    tails.append(key)
    return true
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
