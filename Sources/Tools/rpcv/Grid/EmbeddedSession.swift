import Glibc
import LogStore
import RolesCore
import RolesShell

// The sessions of `rpcv map` without a grid, which are nowhere but in the state directory: what is
// there, and how one goes. All it knows it reads from the files beside the logs, so that a session
// that is in use can be looked at.

struct EmbeddedSession: Sendable {
  let path: String
  var user: String
  var session: String
  var calls: UInt64 = 0
  /// Calls that have ended and were printed, failed and cancelled ones included.
  var done: UInt64 = 0
  var failed: UInt64 = 0
  /// On the disk.
  var bytes: UInt64 = 0
  /// Since something was last written, in seconds.
  var age: UInt64 = 0
  var isInUse = false

  /// All below a state directory's root, those first that were used last.
  static func all(below root: String) throws(CommandError) -> [EmbeddedSession] {
    let folder = root + "/sessions"
    guard FileSink.exists(folder) else { return [] }
    let names: [String]
    do throws(FileError) { names = try PosixFileSystem().list(folder) } catch {
      throw CommandError(.noInput, "\(error)")
    }
    return names.compactMap { EmbeddedSession(in: folder + "/" + $0) }
      .sorted { ($0.age, $0.session) < ($1.age, $1.session) }
  }

  /// Nil if no grid runs in there: a log of a client on a grid, or nothing of ours.
  init?(in path: String) {
    guard Self.isOne(path) else { return nil }
    self.path = path
    let lines = Self.read(path + "/" + Self.nameFile)?.split(separator: 10, maxSplits: 1) ?? []
    user = lines.count == 2 ? String(decoding: lines[0], as: UTF8.self) : ""
    session =
      lines.count == 2
      ? String(decoding: lines[1], as: UTF8.self)
      : String(path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...])
    var last: UInt64 = 0
    Self.measure(path, &bytes, &last)
    age = MonotonicClock.wallMilliseconds() / 1000
    age -= min(age, last)
    calls = UInt64((Self.read(path + "/jobs") ?? []).count / SessionWitness.width)
    for byte in Self.read(path + "/ended") ?? [] {
      guard let end = EndedJobs.End(rawValue: byte) else { continue }
      done += 1
      if end == .failed { failed += 1 }
    }
    isInUse = Self.isLocked(path)
  }

  private static let nameFile = "session"

  /// Of servers only those in a `map` note jobs, and of those who note jobs only they are servers.
  private static func isOne(_ path: String) -> Bool {
    FileSink.exists(path + "/tasks") && FileSink.exists(path + "/jobs")
  }

  /// Writes down whose session a directory is, of which this process has the lock. Without it the
  /// session is listed by its directory's name.
  static func note(user: String, session: String, in directory: String) {
    let path = directory + "/" + nameFile
    guard !FileSink.exists(path) else { return }
    try? FileSink.replace(Array(path.utf8)) { try $0.write(Array("\(user)\n\(session)".utf8)) }
  }

  /// Deletes a session, unless a process has it. False if there is none.
  static func delete(_ path: String, named session: String) throws(CommandError) -> Bool {
    // Out of the way first, in one step: what is left of a crash is neither the session nor lost.
    let going = path + ".released"
    if isOne(path) {
      let fs = PosixFileSystem()
      let lock: FileHandle
      do throws(FileError) { lock = try fs.lock(path + "/LOCK") } catch {
        throw error.code == EWOULDBLOCK
          ? CommandError(
            .inUse, "session '\(session)' is in use by another process: end that one first")
          : CommandError(.cannotWrite, "\(error)")
      }
      defer { fs.close(lock) }
      try remove(going)
      guard rename(path, going) == 0 else {
        throw CommandError(
          .cannotWrite, "cannot move '\(path)': \(String(cString: strerror(errno)))")
      }
      try remove(going)
      return true
    }
    guard FileSink.exists(going) else { return false }
    try remove(going)
    return true
  }

  static func unknown(_ session: String) -> CommandError {
    CommandError(
      .failure,
      "no session '\(session)' of `rpcv map` is on this machine, and no coordinator is configured "
        + "(--coordinators, RPCV_COORDINATORS)")
  }

  private static func remove(_ path: String) throws(CommandError) {
    do throws(SystemFailure) { try TreeRemoval.remove(path) } catch {
      throw CommandError(.cannotWrite, "\(error)")
    }
  }

  /// Read off the kernel's list: to take the lock, even shared and for a moment, could make a `map`
  /// that starts just then believe that the session is in use. Each line ends in
  /// `device:inode start end`, see proc(5).
  private static func isLocked(_ path: String) -> Bool {
    var status = stat()
    guard stat(path + "/LOCK", &status) == 0, let locks = read("/proc/locks") else { return false }
    let inode = Array("\(status.st_ino)".utf8)
    return locks.split(separator: UInt8(ascii: "\n")).contains { line in
      let words = line.split(separator: UInt8(ascii: " "))
      return words.count >= 6 && words[1].elementsEqual("FLOCK".utf8)
        && words[5].split(separator: UInt8(ascii: ":")).last?.elementsEqual(inode) == true
    }
  }

  private static func measure(_ path: String, _ bytes: inout UInt64, _ last: inout UInt64) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    bytes += UInt64(clamping: status.st_blocks) * 512
    last = max(last, UInt64(clamping: status.st_mtim.tv_sec))
    guard status.st_mode & S_IFMT == S_IFDIR else { return }
    for name in (try? PosixFileSystem().list(path)) ?? [] {
      measure(path + "/" + name, &bytes, &last)
    }
  }

  private static func read(_ path: String) -> Bytes? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: Bytes = []
    var part = Bytes(repeating: 0, count: 64 * 1024)
    while true {
      let count = Glibc.read(descriptor, &part, part.count)
      guard count > 0 else { return bytes }
      bytes += part[..<count]
    }
  }
}

extension EmbeddedSession {
  static func table(_ rows: [EmbeddedSession]) -> String {
    guard !rows.isEmpty else { return "no coordinator is configured, and no session is here\n" }
    var table = TextTable([
      .left("SESSION"), .right("CALLS"), .right("DONE"), .right("FAILED"), .right("BYTES"),
      .right("AGE"), .left("IN USE"),
    ])
    for row in rows {
      table.add([
        row.session, "\(row.calls)", "\(row.done)", "\(row.failed)", Format.size(row.bytes),
        Format.duration(.seconds(Int64(clamping: row.age))), row.isInUse ? "yes" : "no",
      ])
    }
    return table.text()
  }

  var json: JSON {
    .object([
      ("session", .string(session)), ("user", .string(user)), ("directory", .string(path)),
      ("calls", .uint(calls)), ("done", .uint(done)), ("failed", .uint(failed)),
      ("bytes", .uint(bytes)), ("ageSeconds", .uint(age)), ("inUse", .bool(isInUse)),
    ])
  }
}
