// Finds the program of a command line as execvp does, and words what a shell would say if it can't
// be run.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The call's own fault: exit status and message of a shell in its place.
struct NotRunnable: Error, Hashable {
  var status: UInt8
  var message: String

  static func notFound(_ name: String) -> NotRunnable {
    NotRunnable(status: 127, message: "rpcv: \(name): command not found\n")
  }

  static func because(_ name: String, _ reason: String) -> NotRunnable {
    NotRunnable(status: 126, message: "rpcv: \(name): \(reason)\n")
  }
}

enum ProgramSearch {
  static let defaultPath = "/usr/local/bin:/usr/bin:/bin"

  /// The path to execute. Relative entries of `path` stand for places in `directory`.
  static func find(_ name: String, path: String?, directory: String) throws(NotRunnable) -> String {
    guard !name.isEmpty else { throw .notFound("''") }
    if name.utf8.contains(UInt8(ascii: "/")) { return name }
    var denied = false
    let entries = (path ?? defaultPath).split(separator: ":", omittingEmptySubsequences: false)
    for entry in entries {
      let prefix = entry.isEmpty ? "." : String(entry)
      let candidate = prefix + "/" + name
      let seen = prefix.hasPrefix("/") ? candidate : directory + "/" + candidate
      switch examine(seen) {
      case .runs: return candidate
      case .denied: denied = true
      case .absent: break
      }
    }
    throw denied ? .because(name, "Permission denied") : .notFound(name)
  }

  private enum Finding {
    case runs
    case denied
    case absent
  }

  private static func examine(_ path: String) -> Finding {
    var status = stat()
    guard stat(path, &status) == 0 else { return errno == EACCES ? .denied : .absent }
    guard status.st_mode & S_IFMT == S_IFREG else { return .absent }
    return access(path, X_OK) == 0 ? .runs : .denied
  }
}
