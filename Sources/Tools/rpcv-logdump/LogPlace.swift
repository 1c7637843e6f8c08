import ArgumentParser

// Where logs are behind a path that a person gave.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct LogPlace {
  var directory: String
  /// Only this file of it.
  var file: String?

  /// Where the identity of the node stands whose log this is.
  var nodeDirectory: String { directory + "/.." }
}

enum PathKind { case missing, file, directory, other }

func kind(of path: String) -> PathKind {
  var status = stat()
  // Not what a link points to: nothing outside is followed.
  guard lstat(path, &status) == 0 else { return .missing }
  switch status.st_mode & S_IFMT {
  case S_IFREG: return .file
  case S_IFDIR: return .directory
  default: return .other
  }
}

/// The logs of a node's directory, or the one log or file that `path` is.
func findLogs(_ path: String) throws -> [LogPlace] {
  switch kind(of: path) {
  case .missing:
    complain("\(path): \(String(cString: strerror(errno)))")
    throw ExitCode(66)
  case .other:
    throw ValidationError("\(path) is neither a directory nor a regular file")
  case .file:
    guard let slash = path.lastIndex(of: "/") else {
      return [LogPlace(directory: ".", file: path)]
    }
    let directory = slash == path.startIndex ? "/" : String(path[..<slash])
    return [LogPlace(directory: directory, file: String(path[path.index(after: slash)...]))]
  case .directory:
    let logs = ["facts", "archives"].map { path + "/" + $0 }.filter { kind(of: $0) == .directory }
    if !logs.isEmpty { return logs.map { LogPlace(directory: $0) } }
    return [LogPlace(directory: path)]
  }
}
