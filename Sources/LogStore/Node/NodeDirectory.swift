// A node's directory: who it is, and that one process at a time has it. It owns the lock and the
// identity file, and promises that an identity that was ever used is on the disk before; it may
// not know what the logs hold.
//
//   LOCK       held by the running process
//   IDENTITY   text: format version, node id, former ids, checksum; all of it twice
//   facts/  archives/   the two logs

public final class NodeDirectory: Sendable {
  public let path: String
  public let node: NodeID
  /// Identities that this directory had before it was found to be a clone, oldest first.
  public let former: [NodeID]
  private let fs: any FileSystem
  private let lock: FileHandle

  public var facts: String { path + "/facts" }
  public var archives: String { path + "/archives" }

  /// Takes the lock and reads the identity, or makes both. Errors: in use, not writable, made by a
  /// newer version, unreadable identity; nothing is changed then.
  public static func open(
    _ path: String, on fs: any FileSystem, entropy: inout some RandomNumberGenerator
  ) throws(LogError) -> NodeDirectory {
    do throws(FileError) { try fs.makeDirectory(path) } catch { throw .notWritable(error) }
    let lock: FileHandle
    do throws(FileError) { lock = try fs.lock(path + "/LOCK") } catch {
      if error.isHeldByAnother { throw .inUse(path: path) }
      throw .notWritable(error)
    }
    do throws(LogError) {
      let identity: Identity
      if let known = try Identity.read(path + "/IDENTITY", on: fs) {
        identity = known
        // A worn copy is replaced while the other one is there; it serves without that too.
        if known.isWorn { try? known.write(to: path, on: fs) }
      } else {
        identity = Identity(node: .random(using: &entropy), former: [])
        try identity.write(to: path, on: fs)
      }
      return NodeDirectory(path, fs, lock, identity)
    } catch {
      fs.close(lock)
      throw error
    }
  }

  private init(_ path: String, _ fs: any FileSystem, _ lock: FileHandle, _ identity: Identity) {
    self.path = path
    self.fs = fs
    self.lock = lock
    node = identity.node
    former = identity.former
  }

  /// Takes a new identity: another node bears the present one, or this one went back in time. The
  /// next start uses it; the old segments become copies of another node's.
  public func renew(entropy: inout some RandomNumberGenerator) throws(LogError) -> NodeID {
    let identity = Identity(node: .random(using: &entropy), former: former + [node])
    try identity.write(to: path, on: fs)
    return identity.node
  }

  /// Whose directory this is, without taking it; nil if it has no identity.
  package static func identity(
    of path: String, on fs: any FileSystem
  ) throws(LogError) -> NodeID? {
    try Identity.read(path + "/IDENTITY", on: fs)?.node
  }

  /// Lets another process have the directory.
  public func close() { fs.close(lock) }
}

private struct Identity {
  static let version: UInt32 = 1
  static let longest: UInt64 = 64 << 10

  var node: NodeID
  var former: [NodeID]
  /// Not all of the file is as it was written.
  var isWorn = false

  /// Two copies, each with its checksum: a flipped bit must not make another node of this one.
  private var text: String {
    var block = "rpcv-node \(Self.version)\nnode \(node)\n"
    for id in former { block += "former \(id)\n" }
    block += "check \(hex(XXH64.hash(Array(block.utf8))))\n"
    return block + "\n" + block
  }

  static func read(_ path: String, on fs: any FileSystem) throws(LogError) -> Identity? {
    let file: FileHandle
    do throws(FileError) { file = try fs.open(path, .read) } catch {
      if error.isMissing { return nil }
      throw .notWritable(error)
    }
    defer { fs.close(file) }
    let size = try LogError.io { () throws(FileError) in try fs.size(file) }
    guard size <= longest else { throw .badIdentity(path: path, reason: "it is too long") }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    do throws(FileError) {
      _ = try bytes.withUnsafeMutableBufferPointer { raw throws(FileError) in
        try fs.read(file, into: UnsafeMutableRawBufferPointer(raw), at: 0)
      }
    } catch { throw .io(error) }
    return try parse(bytes, path)
  }

  private static func parse(_ bytes: [UInt8], _ path: String) throws(LogError) -> Identity {
    var found: Identity?
    var newer: UInt32?
    var block: [UInt8] = []
    for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
      let words = line.split(separator: 32).map { String(decoding: $0, as: UTF8.self) }
      // A copy starts at an empty line or at its first word, so that no flipped bit spoils both.
      if line.isEmpty || words.first == "rpcv-node" { block = [] }
      guard words.first == "check" else {
        if !line.isEmpty { block += line + [10] }
        continue
      }
      if words.count == 2, words[1] == hex(XXH64.hash(block)) {
        switch parse(block: block) {
        case .known(let identity): found = found ?? identity
        case .newer(let version): newer = version
        case .unreadable: break
        }
      }
      block = []
    }
    if let newer { throw .newerVersion(path: path, version: newer) }
    guard var found else {
      throw .badIdentity(
        path: path,
        reason: "no copy of the node's identity in it is intact; restore the file, or move the"
          + " directory away to start as a new node")
    }
    found.isWorn = bytes != Array(found.text.utf8)
    return found
  }

  private enum Block {
    case known(Identity)
    case newer(UInt32)
    case unreadable
  }

  private static func parse(block: [UInt8]) -> Block {
    let lines = String(decoding: block, as: UTF8.self).split(separator: "\n").map {
      $0.split(separator: " ")
    }
    guard let first = lines.first, first.count == 2, first[0] == "rpcv-node",
      let version = UInt32(first[1])
    else { return .unreadable }
    guard version <= Self.version else { return .newer(version) }
    var node: NodeID?
    var former: [NodeID] = []
    for line in lines.dropFirst() {
      guard line.count == 2, let id = ID128(line[1]) else { return .unreadable }
      if line[0] == "node" { node = NodeID(id) } else { former.append(NodeID(id)) }
    }
    return node.map { .known(Identity(node: $0, former: former)) } ?? .unreadable
  }

  /// Whole and durable, or not at all.
  func write(to directory: String, on fs: any FileSystem) throws(LogError) {
    let temporary = directory + "/IDENTITY.new"
    do throws(FileError) {
      do throws(FileError) { try fs.remove(temporary) } catch let error where !error.isMissing {
        throw error
      } catch {}
      let file = try fs.open(temporary, .create)
      defer { fs.close(file) }
      let bytes = Array(text.utf8)
      try bytes.withUnsafeBufferPointer { raw throws(FileError) in
        try fs.write(file, UnsafeRawBufferPointer(raw), at: 0)
      }
      try fs.synchronize(file)
      try fs.rename(temporary, to: directory + "/IDENTITY")
      try fs.synchronizeDirectory(directory)
    } catch {
      throw .notWritable(error)
    }
  }
}
