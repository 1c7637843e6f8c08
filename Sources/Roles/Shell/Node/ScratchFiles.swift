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

/// What can't be brought to a task, for people.
struct ScratchError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

struct ScratchFiles: Sendable {
  private let archives: ArchiveStore
  let place: ScratchArea.Place
  private var before = TreeSnapshot()

  init(_ archives: ArchiveStore, _ place: ScratchArea.Place) {
    self.archives = archives
    self.place = place
  }

  /// Places the file tree, the executable and standard input of a call. The tree stands alone in
  /// the working directory, so that what the task leaves there can be told.
  mutating func prepare(_ spec: CallSpec) throws -> (stdin: TaskInput, programs: String?) {
    if spec.input != .empty {
      try TreeArchive.unpack(spec.input, into: place.directory, from: archives.forEachPart)
      if spec.collectsFiles { before = try TreeSnapshot(of: place.directory) }
    }
    var programs: String?
    if let executable = spec.executable {
      try bring(executable, as: spec.arguments.first ?? [])
      programs = place.programs
    }
    switch spec.stdin {
    case .inline(let bytes): return (bytes.isEmpty ? .empty : .bytes(bytes), programs)
    case .archive(let id, _):
      try write(id, to: place.stdin, mode: 0o600)
      return (.file(place.stdin), programs)
    }
  }

  /// An output that didn't stay in memory becomes an archive.
  func store(_ output: TaskOutput) throws -> Blob {
    switch output {
    case .inline(let bytes): return .inline(bytes)
    case .file(let path, _):
      let manifest = try FileArchive.store(path, in: archives)
      unlink(path)
      return .archive(manifest.id, size: manifest.size)
    }
  }

  /// What is new or changed in the working directory; and what can't travel, for people.
  func storeChanges() throws(FileTreeError) -> (files: Blob, leftOut: [String]) {
    let (blob, summary) = try TreeArchive.store(in: archives) { sink throws(FileTreeError) in
      try TreePacker.packChanges(of: place.directory, since: before, to: sink)
    }
    return (blob, summary.skipped)
  }

  private func bring(_ executable: ArchiveID, as program: [UInt8]) throws {
    let name = TreePath.name(program)
    if let fault = TreePath.fault(name) {
      throw ScratchError("the program's name '\(TreePath.text(program))': \(fault)")
    }
    guard mkdir(place.programs, 0o700) == 0 else { throw SystemFailure("make \(place.programs)") }
    try write(executable, to: "\(place.programs)/\(TreePath.text(name))", mode: 0o700)
  }

  private func write(_ id: ArchiveID, to path: String, mode: mode_t) throws {
    let file = try Descriptors.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
    defer { close(file) }
    var hash = RunningHash()
    try archives.forEachPart(of: .archive(id, size: 0)) { bytes in
      try bytes.withUnsafeBytes { raw in
        hash.update(raw)
        try Descriptors.writeAll(file, raw, path)
      }
    }
    guard hash.value == id else { throw ScratchError("archive \(id) is not what its name says") }
  }
}
