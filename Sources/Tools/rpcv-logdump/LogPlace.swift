// Where logs are behind a path that a person gave. It looks at names only.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct LogPlace: Equatable {
  var directory: String
  /// Only this file of it.
  var file: String?
  /// Where the identity of the node stands whose log this is.
  var nodeDirectory: String

  init(directory: String, file: String? = nil, nodeDirectory: String? = nil) {
    self.directory = directory
    self.file = file
    self.nodeDirectory = nodeDirectory ?? directory + "/.."
  }

  /// The logs of a node's directory, or the one log or file that `path` is.
  static func find(_ path: String) throws(NoLog) -> [LogPlace] {
    switch PathKind(of: path) {
    case .missing(let code): throw .missing(path, String(cString: strerror(code)))
    case .other: throw .special(path)
    case .file:
      guard let slash = path.lastIndex(of: "/") else {
        return [LogPlace(directory: ".", file: path)]
      }
      let directory = slash == path.startIndex ? "/" : String(path[..<slash])
      return [LogPlace(directory: directory, file: String(path[path.index(after: slash)...]))]
    case .directory:
      let directory = trimmed(path)
      let logs = logDirectories(in: directory)
      if !logs.isEmpty { return logs.map { LogPlace(directory: $0, nodeDirectory: directory) } }
      if isLog(directory) { return [LogPlace(directory: directory)] }
      // A node that was never started has its identity, but no log yet.
      if PathKind(of: directory + "/IDENTITY") == .file { return [] }
      throw .notALog(path, nodes: nodes(below: directory))
    }
  }

  private static func logDirectories(in directory: String) -> [String] {
    ["facts", "archives"].map { join(directory, $0) }.filter { PathKind(of: $0) == .directory }
  }

  /// By what a log has in it, or by its name and an identity beside it.
  private static func isLog(_ directory: String) -> Bool {
    let files = names(in: directory)
    if files.contains("notes") || files.contains(where: { $0.contains(".seg") }) { return true }
    let isNamedSo = ["facts", "archives"].contains {
      directory == $0 || directory.hasSuffix("/\($0)")
    }
    return isNamedSo && PathKind(of: directory + "/../IDENTITY") == .file
  }

  /// Directories of nodes up to three levels below, the first few: what the person may have meant.
  private static func nodes(below directory: String, levels: Int = 3) -> [String] {
    var found: [String] = []
    for name in names(in: directory) where !name.hasPrefix(".") && found.count < 5 {
      let path = join(directory, name)
      guard PathKind(of: path) == .directory else { continue }
      if !logDirectories(in: path).isEmpty {
        found.append(path)
      } else if levels > 1 {
        found += nodes(below: path, levels: levels - 1)
      }
    }
    return Array(found.prefix(5))
  }

  private static func join(_ directory: String, _ name: String) -> String {
    directory == "/" ? "/" + name : directory + "/" + name
  }

  private static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

enum NoLog: Error, Equatable, CustomStringConvertible {
  case missing(String, String)
  case special(String)
  case notALog(String, nodes: [String])

  var description: String {
    switch self {
    case .missing(let path, let why): "\(path): \(why)"
    case .special(let path): "\(path) is neither a directory nor a regular file"
    case .notALog(let path, let nodes):
      "there is no log in \(path)"
        + (nodes.isEmpty
          ? "; name a node's directory, one of its logs (facts or archives), or a segment's file"
          : "; did you mean one of these?" + nodes.map { "\n  \($0)" }.joined())
    }
  }
}

private enum PathKind: Equatable {
  case missing(Int32)
  case file
  case directory
  case other

  init(of path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      self = .missing(errno)
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .directory
    default: self = .other
    }
  }
}
