// The canonical stream of a file tree. Equal trees give equal bytes: entries are sorted, and there
// are no times, owners or paddings. All integers are little-endian.
//
//   "RPCT", version u8 = 1, three zero bytes
//   entry*                      strictly ascending by path, compared component by component
//   end                         nothing follows
//
//   entry: kind u8              1 file, 2 directory, 3 symbolic link
//          mode u16             permission bits 0...0o777; of a link 0o777
//          path length u16      1...4095
//          length u64           file: bytes of content; link: bytes of target; directory: 0
//          path                 names of 1...255 bytes, joined by "/"; no ".", "..", NUL; the
//                               directory that it stands in is an entry before it, or the root
//          content or target
//   end:   kind u8 = 0, mode 0, path length 0, length u64 = number of entries
//
// A link's target is relative and may climb with leading ".." only, and not above the root: so no
// chain of links leads out of the tree.

enum TreeFormat {
  static let magic: [UInt8] = [0x52, 0x50, 0x43, 0x54, 1, 0, 0, 0]
  static let headSize = 13
  static let pathLimit = 4095

  enum Kind: UInt8 {
    case end = 0
    case file = 1
    case directory = 2
    case link = 3
  }

  struct Head: Equatable {
    var kind: Kind
    var mode: UInt16
    var pathLength: UInt16
    var length: UInt64
  }

  static func encode(_ head: Head) -> [UInt8] {
    var bytes: [UInt8] = [head.kind.rawValue]
    withUnsafeBytes(of: head.mode.littleEndian) { bytes += $0 }
    withUnsafeBytes(of: head.pathLength.littleEndian) { bytes += $0 }
    withUnsafeBytes(of: head.length.littleEndian) { bytes += $0 }
    return bytes
  }

  /// Nil for an unknown kind. `bytes` are `headSize` long.
  static func decode(_ bytes: [UInt8]) -> Head? {
    guard bytes.count == headSize, let kind = Kind(rawValue: bytes[0]) else { return nil }
    return bytes.withUnsafeBytes { raw in
      Head(
        kind: kind,
        mode: UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: 1, as: UInt16.self)),
        pathLength: UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: 3, as: UInt16.self)),
        length: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 5, as: UInt64.self)))
    }
  }
}

/// A path inside a tree.
enum TreePath {
  static let slash = UInt8(ascii: "/")
  private static let dot = UInt8(ascii: ".")

  /// Why these bytes are no path of a tree; nil if they are.
  static func fault(_ path: [UInt8]) -> String? {
    guard !path.isEmpty else { return "an empty path" }
    guard path.count <= TreeFormat.pathLimit else { return "a path of \(path.count) bytes" }
    for name in path.split(separator: slash, omittingEmptySubsequences: false) {
      if name.isEmpty { return path[0] == slash ? "an absolute path" : "an empty name in a path" }
      if name.count > 255 { return "a name of \(name.count) bytes" }
      if name.contains(0) { return "a NUL in a name" }
      if name.elementsEqual([dot]) || name.elementsEqual([dot, dot]) {
        return "a . or .. in a path"
      }
    }
    return nil
  }

  /// By components: a directory stands before what is in it, and that before its next sibling.
  static func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.lexicographicallyPrecedes(b) { rank($0) < rank($1) }
  }

  private static func rank(_ byte: UInt8) -> UInt8 { byte == slash ? 0 : byte }

  /// Everything before the last slash; empty for the root.
  static func parent(_ path: [UInt8]) -> [UInt8] {
    guard let last = path.lastIndex(of: slash) else { return [] }
    return Array(path[..<last])
  }

  static func name(_ path: [UInt8]) -> [UInt8] {
    guard let last = path.lastIndex(of: slash) else { return path }
    return Array(path[(last + 1)...])
  }

  static func join(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
    directory.isEmpty ? name : directory + [slash] + name
  }

  /// Why a link at `path` may not have this target; nil if it may.
  static func fault(target: [UInt8], at path: [UInt8]) -> String? {
    guard !target.isEmpty, target.count <= TreeFormat.pathLimit, !target.contains(0) else {
      return "a link without a proper target"
    }
    guard target[0] != slash else { return "a link to an absolute path" }
    var left = path.count { $0 == slash }
    var climbing = true
    for name in target.split(separator: slash) {
      if name.elementsEqual([dot, dot]) {
        guard climbing, left > 0 else { return "a link that leads out of the tree" }
        left -= 1
      } else if !name.elementsEqual([dot]) {
        climbing = false
      }
    }
    return nil
  }

  static func text(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self) }
}
