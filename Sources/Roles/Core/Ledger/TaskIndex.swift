import LogStore

/// A call by what makes it one: its counter and its digest.
public struct CallKey: Hashable, Comparable, Sendable {
  public var call: CallName
  public var digest: Digest
  public init(call: CallName, digest: Digest) {
    self.call = call
    self.digest = digest
  }
  public static func < (a: CallKey, b: CallKey) -> Bool {
    (a.call, a.digest) < (b.call, b.digest)
  }
}

/// A task that was assigned and of which nothing more is known.
public struct OpenTask: Hashable, Comparable, Sendable {
  public var task: TaskName
  public var key: CallKey
  public var server: NodeID
  public static func < (a: OpenTask, b: OpenTask) -> Bool {
    (a.task, a.key) < (b.task, b.key)
  }
}

/// Finds calls by task names. A task belongs to one call; records that say otherwise (another's
/// bug, or garbage) are all kept, each under its own call.
struct TaskIndex: Sendable {
  struct Home: Hashable, Sendable {
    var session: UInt32
    var counter: UInt64
  }
  struct OpenName: Hashable, Sendable {
    var task: TaskName
    var home: Home
    var digest: Digest
  }

  private var homes: [TaskName: Home] = [:]
  /// All homes of names that have more than one.
  private var collisions: [TaskName: [Home]] = [:]
  private(set) var open: Set<OpenName> = []

  func homes(of task: TaskName) -> [Home] {
    collisions[task] ?? homes[task].map { [$0] } ?? []
  }

  mutating func insert(_ task: TaskName, _ home: Home) {
    guard let known = homes.updateValue(home, forKey: task), known != home else { return }
    var all = collisions[task] ?? [known]
    guard !all.contains(home) else { return }
    all.append(home)
    collisions[task] = all
  }

  mutating func remove(_ task: TaskName, _ home: Home) {
    if var all = collisions[task] {
      all.removeAll { $0 == home }
      collisions[task] = all.count > 1 ? all : nil
      homes[task] = all.last
    } else if homes[task] == home {
      homes[task] = nil
    }
  }

  mutating func setOpen(_ task: TaskName, _ home: Home, _ digest: Digest, _ isOpen: Bool) {
    let name = OpenName(task: task, home: home, digest: digest)
    if isOpen { open.insert(name) } else { open.remove(name) }
  }
}
