// Directory entries of the simulated disk: what a process sees, what a power cut leaves for
// certain, and the changes in between, which no sync of a file confirms. Knows files by number.

struct SimulatedNames: Sendable {
  /// A change of entries that its directory's sync has not confirmed yet.
  enum Change: Sendable {
    case made(String, file: Int)
    case renamed(String, to: String, file: Int)
    case removed(String)

    var names: [String] {
      switch self {
      case .made(let path, _), .removed(let path): [path]
      case .renamed(let path, let target, _): [path, target]
      }
    }

    func apply(to entries: inout [String: Int]) {
      switch self {
      case .made(let path, let file): entries[path] = file
      case .removed(let path): entries[path] = nil
      case .renamed(let path, let target, let file):
        entries[path] = nil
        entries[target] = file
      }
    }
  }

  private(set) var entries: [String: Int] = [:]
  private(set) var durable: [String: Int] = [:]
  private(set) var pending: [Change] = []
  /// Made durable at once, as FileSystem promises; the root is always there.
  private(set) var directories: Set<String> = ["/"]
  /// Directory -> names in it, so that a list doesn't scan the disk.
  private var children: [String: Set<String>] = [:]

  init() {}

  /// The names that a power cut left.
  init(surviving entries: [String: Int], directories: Set<String>) {
    self.entries = entries
    durable = entries
    self.directories = directories
    for path in entries.keys { adopt(path) }
    for path in directories where path != "/" { adopt(path) }
  }

  func list(_ directory: String) -> [String] { (children[directory] ?? []).sorted() }

  mutating func make(_ path: String, file: Int) { change(.made(path, file: file)) }

  mutating func remove(_ path: String) { change(.removed(path)) }

  mutating func rename(_ path: String, to target: String, file: Int) {
    change(.renamed(path, to: target, file: file))
  }

  mutating func makeDirectory(_ path: String) {
    directories.insert(path)
    adopt(path)
  }

  /// Confirms the changes in `directory`, with those elsewhere that they build upon.
  mutating func synchronize(_ directory: String) {
    for change in takePending(of: directory) { change.apply(to: &durable) }
  }

  /// A failed sync of a directory drops what it should have written, as one of a file does.
  mutating func failSynchronize(_ directory: String) { _ = takePending(of: directory) }

  private mutating func takePending(of directory: String) -> [Change] {
    var needed: Set<String> = []
    var taken: [Change] = []
    var left: [Change] = []
    for change in pending.reversed() {
      let names = change.names
      if names.contains(where: { needed.contains($0) || parentDirectory(of: $0) == directory }) {
        needed.formUnion(names)
        taken.append(change)
      } else {
        left.append(change)
      }
    }
    pending = left.reversed()
    return taken.reversed()
  }

  private mutating func change(_ change: Change) {
    change.apply(to: &entries)
    for path in change.names {
      if entries[path] == nil {
        children[parentDirectory(of: path)]?.remove(lastName(of: path))
      } else {
        adopt(path)
      }
    }
    pending.append(change)
  }

  private mutating func adopt(_ path: String) {
    children[parentDirectory(of: path), default: []].insert(lastName(of: path))
  }
}

private func lastName(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return path }
  return String(path[path.index(after: slash)...])
}
