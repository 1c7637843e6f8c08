import LogStore

// Hashes over length-prefixed fields, so that no two different lists of fields feed the hash the
// same bytes, and ids from names. Knows nothing of any record.

/// Gathers length-prefixed fields (8 bytes little-endian, then the bytes) for one hash.
struct FieldHash {
  private var hasher = RunningHash()
  /// Gathered, not hashed yet.
  private var bytes: [UInt8] = []

  /// `purpose` keeps hashes of different things apart even if their fields are equal.
  init(_ purpose: StaticString) {
    bytes.reserveCapacity(512)
    purpose.withUTF8Buffer { append(UnsafeRawBufferPointer($0)) }
  }

  mutating func append(_ number: UInt64) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ field: UnsafeRawBufferPointer) {
    append(UInt64(field.count))
    bytes.append(contentsOf: field)
    if bytes.count > 1 << 16 { drain() }
  }

  mutating func append(_ field: [UInt8]) { field.withUnsafeBytes { append($0) } }

  mutating func append(_ field: String) {
    append(UInt64(field.utf8.count))
    bytes.append(contentsOf: field.utf8)
  }

  /// An absent hash is an empty field.
  mutating func append(_ hash: Hash256?) {
    guard let hash else { return append(UInt64(0)) }
    let words = (hash.a.bigEndian, hash.b.bigEndian, hash.c.bigEndian, hash.d.bigEndian)
    withUnsafeBytes(of: words) { append($0) }
  }

  private mutating func drain() {
    bytes.withUnsafeBytes { hasher.update($0) }
    bytes.removeAll(keepingCapacity: true)
  }

  var value: Hash256 {
    var copy = self
    copy.drain()
    return copy.hasher.value
  }
}

extension ID128 {
  /// The first 16 bytes of the name's SHA-256: a name gives the same id on any machine.
  public init(hashing name: String) {
    var name = name
    let hash = name.withUTF8 { Hash256.of(UnsafeRawBufferPointer($0)) }
    self.init(high: hash.a, low: hash.b)
  }
}
