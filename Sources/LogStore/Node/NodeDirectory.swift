// A node's directory: who it is, and that one process at a time has it. It owns the lock and the
// identity file, and promises that an identity that was ever used is on the disk before; it may not know
// what the logs hold.
//
//   LOCK       held by the running process
//   IDENTITY   text: format version, node id, former ids
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

  /// Takes the lock and reads the identity, or makes both. Errors: in use, not writable, made by a newer
  /// version, unreadable identity; nothing is changed then.
  public static func open(
    _ path: String, on fs: any FileSystem, entropy: inout some RandomNumberGenerator
  ) throws(LogError) -> NodeDirectory {
    do throws(FileError) { try fs.makeDirectory(path) } catch { throw .notWritable(error) }
    let lock: FileHandle
    do throws(FileError) { lock = try fs.lock(path + "/LOCK") } catch {
      if error.code == 11 || error.code == 35 { throw .inUse(path: path) }
      throw .notWritable(error)
    }
    do throws(LogError) {
      let identity: Identity
      if let known = try Identity.read(path + "/IDENTITY", on: fs) {
        identity = known
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

  /// Takes a new identity: another node bears the present one, or this one went back in time. The next
  /// start uses it; the old segments become copies of another node's.
  public func renew(entropy: inout some RandomNumberGenerator) throws(LogError) -> NodeID {
    let identity = Identity(node: .random(using: &entropy), former: former + [node])
    try identity.write(to: path, on: fs)
    return identity.node
  }

  /// Lets another process have the directory.
  public func close() { fs.close(lock) }
}

private struct Identity {
  static let version: UInt32 = 1
  static let longest = 64 << 10

  var node: NodeID
  var former: [NodeID]

  private var text: String {
    var text = "rpcv-node \(Self.version)\nnode \(node)\n"
    for id in former { text += "former \(id)\n" }
    return text
  }

  static func read(_ path: String, on fs: any FileSystem) throws(LogError) -> Identity? {
    let file: FileHandle
    do throws(FileError) { file = try fs.open(path, .read) } catch {
      if error.isMissing { return nil }
      throw .io(error)
    }
    defer { fs.close(file) }
    let size = try LogError.io { () throws(FileError) in try fs.size(file) }
    guard size <= UInt64(longest) else { throw .badIdentity(path: path, reason: "too long") }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    do throws(FileError) {
      _ = try bytes.withUnsafeMutableBufferPointer { raw throws(FileError) in
        try fs.read(file, into: UnsafeMutableRawBufferPointer(raw), at: 0)
      }
    } catch { throw .io(error) }
    return try parse(String(decoding: bytes, as: UTF8.self), path)
  }

  private static func parse(_ text: String, _ path: String) throws(LogError) -> Identity {
    let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
    guard let first = lines.first, first.count == 2, first[0] == "rpcv-node",
      let version = UInt32(first[1])
    else { throw .badIdentity(path: path, reason: "this is not a node's identity") }
    guard version <= Self.version else { throw .newerVersion(path: path, version: version) }
    var node: NodeID?
    var former: [NodeID] = []
    for line in lines.dropFirst() {
      guard line.count == 2, let id = ID128(line[1]) else {
        throw .badIdentity(path: path, reason: "a line can't be read")
      }
      if line[0] == "node" { node = NodeID(id) } else { former.append(NodeID(id)) }
    }
    guard let node else { throw .badIdentity(path: path, reason: "no node id stands in it") }
    return Identity(node: node, former: former)
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
