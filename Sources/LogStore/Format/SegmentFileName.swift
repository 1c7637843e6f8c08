// What segments are called on disk: NODE-SERIAL-NONCE.seg, all hexadecimal, so that a directory
// listing is in the common order of names. Which log it is, the directory and the header tell.

enum SegmentFileName {
  static let suffix = ".seg"
  /// A file whose damage was found; kept as evidence, never read again by the log.
  static let damagedSuffix = ".seg.damaged"
  /// The valid prefix of a damaged file, while it is being copied.
  static let freshSuffix = ".seg.new"

  static func stem(_ name: SegmentName) -> String {
    "\(name.node)-\(hex(name.serial.value))-\(name.nonce)"
  }

  static func file(_ name: SegmentName) -> String { stem(name) + suffix }

  /// Reads `NODE-SERIAL-NONCE` plus any of the suffixes above (the damaged one may be numbered).
  static func parse(_ file: String, log: LogKind) -> (name: SegmentName, suffix: String)? {
    guard let dot = file.firstIndex(of: ".") else { return nil }
    let parts = file[..<dot].split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[1].utf8.count == 16, parts[2].utf8.count == 16,
      let node = ID128(parts[0]), let serial = parseHex(parts[1]), let nonce = parseHex(parts[2])
    else { return nil }
    let name = SegmentName(
      node: NodeID(node), log: log, serial: Serial(serial), nonce: Nonce(nonce))
    return (name, String(file[dot...]))
  }
}
