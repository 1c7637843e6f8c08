// The directories that tasks run in, under the server's own: made for each task, removed after it;
// what a killed server left is put aside at the start and removed when there is time.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public final class ScratchArea: Sendable {
  /// One task's place.
  public struct Place: Hashable, Sendable {
    /// The working directory, empty at first.
    public var directory: String
    /// For `TaskLaunch.spool`; outside the working directory, as all that follows.
    public var spool: String
    /// Standard input that is too large for memory.
    public var stdin: String
    /// A directory, made when it is needed, for an executable that travelled along.
    public var programs: String
  }

  private let root: String
  private let trash: String
  private let trashed = Atomic<Int>(0)

  /// Uses `tasks` in `directory`, which the caller has locked. Nothing is left in it afterwards.
  public static func open(in directory: String) throws(SystemFailure) -> ScratchArea {
    // Tasks see these paths from directories of their own.
    guard let resolved = realpath(directory, nil) else { throw SystemFailure("find \(directory)") }
    defer { free(resolved) }
    let area = ScratchArea(String(cString: resolved))
    try area.makeDirectory(area.trash)
    if access(area.root, F_OK) == 0 { try area.throwAway(area.root) }
    try area.makeDirectory(area.root)
    return area
  }

  private init(_ directory: String) {
    root = directory + "/tasks"
    trash = directory + "/tasks.removing"
  }

  /// Makes the place of a task. Its id is good for a file's name, as `TaskLaunch.id` says.
  public func make(_ id: String) throws(SystemFailure) -> Place {
    guard TaskMark.isGood(id) else {
      throw SystemFailure("make a directory for the task '\(id)'", code: EINVAL)
    }
    let place = place(id)
    guard mkdir(place.directory, 0o700) == 0 else {
      throw SystemFailure("make \(place.directory)")
    }
    return place
  }

  public func place(_ id: String) -> Place {
    // No id has a ~, so a task's files can't have the name of another's directory.
    let path = "\(root)/\(id)"
    return Place(
      directory: path, spool: path + "~", stdin: path + "~.stdin", programs: path + "~.programs")
  }

  /// Removes a task's place and what of its output is still there. A large tree takes its time:
  /// call it on a Worker.
  public func remove(_ id: String) throws(SystemFailure) {
    let place = place(id)
    unlink(place.spool + ".stdout")
    unlink(place.spool + ".stderr")
    unlink(place.stdin)
    try TreeRemoval.remove(place.programs)
    try TreeRemoval.remove(place.directory)
  }

  /// Removes what earlier starts left. Call it on a Worker.
  public func removeLeftovers() throws(SystemFailure) {
    let directory = try DirectoryAccess.open(trash)
    defer { close(directory) }
    var failure: SystemFailure?
    for name in try DirectoryAccess.names(directory) {
      do throws(SystemFailure) {
        try TreeRemoval.remove("\(trash)/\(String(decoding: name, as: UTF8.self))")
      } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
  }

  private func makeDirectory(_ path: String) throws(SystemFailure) {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw SystemFailure("make \(path)") }
  }

  private func throwAway(_ path: String) throws(SystemFailure) {
    while true {
      let number = trashed.add(1, ordering: .relaxed).newValue
      if rename(path, "\(trash)/\(number)") == 0 { return }
      // A number that an earlier start used and nobody has removed yet.
      guard errno == EEXIST || errno == ENOTEMPTY else { throw SystemFailure("put \(path) aside") }
    }
  }
}
