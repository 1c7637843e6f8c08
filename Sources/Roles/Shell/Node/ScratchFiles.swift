import LogStore
import ReplicationCore
import RolesCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Files of one task between the archive store and its scratch directory. Blocking; runs on a
// worker.

/// What can't be brought to or from a task, for people.
struct ScratchError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

struct ScratchFiles {
  private let archives: ArchiveStore
  private let directory: String
  /// Where an executable that travelled along stands; put first on the task's PATH.
  private(set) var path: String?

  init(_ archives: ArchiveStore, directory: String) {
    self.archives = archives
    self.directory = directory
    path = directory + "/.rpcv/bin"
  }

  /// Places the executable and standard input of a call.
  func place(_ spec: CallSpec) throws -> TaskInput {
    if spec.input != nil || spec.collectsFiles {
      throw ScratchError("file trees are not carried by this version")
    }
    if let executable = spec.executable {
      guard let program = spec.arguments.first else { throw ScratchError("no program is named") }
      let name = program.split(separator: UInt8(ascii: "/")).last.map(Array.init) ?? program
      let bin = directory + "/.rpcv"
      try make(bin)
      try make(bin + "/bin")
      let target = bin + "/bin/" + String(decoding: name, as: UTF8.self)
      try write(executable, to: target, mode: 0o700)
    }
    switch spec.stdin {
    case .inline(let bytes): return bytes.isEmpty ? .empty : .bytes(bytes)
    case .archive(let id, _):
      try make(directory + "/.rpcv")
      try write(id, to: directory + "/.rpcv/stdin", mode: 0o600)
      return .file(directory + "/.rpcv/stdin")
    }
  }

  /// An output that didn't stay in memory becomes an archive.
  func store(_ output: TaskOutput) throws -> Blob {
    guard case .file(let path, _) = output else { return .empty }
    let manifest = try FileArchive.store(path, in: archives)
    unlink(path)
    return .archive(manifest.id, size: manifest.size)
  }

  func storeChanges() throws -> ArchiveID? { nil }

  private func make(_ path: String) throws {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw SystemFailure("make \(path)") }
  }

  private func write(_ id: ArchiveID, to path: String, mode: mode_t) throws {
    let file = try Descriptors.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
    defer { close(file) }
    var hash = RunningHash()
    guard let manifest = archives.manifest(of: id) else {
      throw ScratchError("archive \(id) is not here")
    }
    for index in 0..<UInt64(manifest.chunks.count) {
      let bytes = try archives.chunk(index, of: id)
      try bytes.withUnsafeBytes { raw in
        hash.update(raw)
        try Descriptors.writeAll(file, raw, path)
      }
    }
    guard hash.value == id else { throw ScratchError("archive \(id) is not what its name says") }
  }
}

/// One file as an archive of its bytes.
public enum FileArchive {
  public static func store(_ path: String, in archives: ArchiveStore) throws -> ArchiveManifest {
    let file = try Descriptors.open(path, O_RDONLY)
    defer { close(file) }
    var writer = ArchiveWriter(into: archives)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = uninterrupted { read(file, &buffer, buffer.count) }
      guard count >= 0 else { throw SystemFailure("read \(path)") }
      if count == 0 { break }
      try buffer.withUnsafeBytes { try writer.write(.init(rebasing: $0[..<count])) }
    }
    return try writer.finish(at: MonotonicClock.now().nanoseconds)
  }
}

public enum ScratchDirectory {
  /// Removes a directory with all that is in it; what can't be removed is left.
  public static func remove(_ path: String) {
    if rmdir(path) == 0 { return }
    removeContents(of: path)
    rmdir(path)
  }

  static func removeContents(of path: String) {
    guard let directory = opendir(path) else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name == "." || name == ".." { continue }
      let child = path + "/" + name
      if unlink(child) != 0 { remove(child) }
    }
  }
}
