import LogStore
import RolesCore
import RolesShell

// An executable that travels along: a program that is named by a path of this machine, which a
// server may not have. One named without a slash is looked for on the server's PATH.

final class SentPrograms {
  private var known: [Bytes: ArchiveID] = [:]

  /// Puts the program into `spec`, and its content, durable, into `archives`.
  func add(to spec: inout CallSpec, _ archives: ArchiveStore) throws {
    guard let program = spec.arguments.first, program.contains(UInt8(ascii: "/")),
      program != Array("/bin/sh".utf8)
    else { return }
    spec.executable = try store(program, archives)
    if let name = program.split(separator: UInt8(ascii: "/")).last {
      spec.arguments[0] = Bytes(name)
    }
  }

  private func store(_ program: Bytes, _ archives: ArchiveStore) throws -> ArchiveID {
    if let id = known[program] { return id }
    let manifest: ArchiveManifest
    do { manifest = try FileArchive.store(text(program), in: archives) } catch {
      throw CommandError(.noInput, "the program can't be sent along: \(error)")
    }
    try archives.log.commit()
    known[program] = manifest.id
    return manifest.id
  }
}
