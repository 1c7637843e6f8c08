import Glibc
import LogStore
import RolesCore
import RolesShell

// An executable that travels along: a program that is named by a path of this machine. What isn't
// here may be there: an absolute path is then the servers', and so is a name without a slash, which
// is looked for on their PATH.

final class SentPrograms {
  private var known: [Bytes: ArchiveID] = [:]

  /// Puts the program into `spec`, and its content, durable, into `archives`.
  func add(to spec: inout CallSpec, _ archives: ArchiveStore) throws {
    guard let program = spec.arguments.first, let archive = try store(program, archives) else {
      return
    }
    spec.executable = archive
    if let name = program.split(separator: UInt8(ascii: "/")).last {
      spec.arguments[0] = Bytes(name)
    }
  }

  private func store(_ program: Bytes, _ archives: ArchiveStore) throws -> ArchiveID? {
    let slash = UInt8(ascii: "/")
    guard program.contains(slash), program != Array("/bin/sh".utf8) else { return nil }
    if let id = known[program] { return id }
    if program.first == slash, program.withPath({ access($0, F_OK) }) != 0 { return nil }
    guard program.withPath({ access($0, X_OK) }) == 0 else {
      throw CommandError(
        .noInput, "the program can't be sent along: \(text(program)): \(reason(errno))")
    }
    let manifest: ArchiveManifest
    do { manifest = try FileArchive.store(text(program), in: archives) } catch {
      throw CommandError(.noInput, "the program can't be sent along: \(error)")
    }
    try archives.log.commit()
    known[program] = manifest.id
    return manifest.id
  }
}
