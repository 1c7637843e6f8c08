// Which processes belong to which task, beyond the first one: those of its session or group, those
// that bear its mark, and the descendants of all these. Orphans of tasks become our children, for
// we are a subreaper.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

struct Survivors {
  private let own = getpid()
  private let ownsAllChildren: Bool
  /// Orphans that show no task's sign, and the tasks that may have left them: who ends last is held
  /// responsible.
  private var strays: [pid_t: Set<UInt64>] = [:]

  init(ownsAllChildren: Bool) { self.ownsAllChildren = ownsAllChildren }

  struct Finding {
    /// Live processes of the task, its first one included if it lives; ascending.
    var alive: [pid_t] = []
    /// Some are zombies that their dying parents have not passed to us yet.
    var unsettled = false

    var isEmpty: Bool { alive.isEmpty && !unsettled }
  }

  /// Looks for the processes of `task`; zombies among them that are our children are reaped on the
  /// way. The cost is one look at all of /proc, except where `quick`, when few pids were given out
  /// since the task's start.
  mutating func find(
    of task: RunningTask, among tasks: [UInt64: RunningTask], quick: Bool
  ) -> Finding {
    let entries = candidates(task, quick: quick)
    let leaders = Set(tasks.values.map(\.pid))
    var finding = Finding()
    var members: Set<pid_t> = []
    for entry in entries where entry.pid != own {
      if leaders.contains(entry.pid) {
        if entry.pid == task.pid, !entry.isZombie { members.insert(entry.pid) }
      } else if !entry.isZombie {
        if belongs(entry, to: task, tasks) { members.insert(entry.pid) }
      } else if entry.parent == own {
        bury(entry, of: tasks)
      } else if entry.session == task.pid || task.hasMember(entry) {
        finding.unsettled = true
      }
    }
    addDescendants(to: &members, of: task.pid, entries, leaders)
    finding.alive = members.sorted()
    for entry in entries where members.contains(entry.pid) {
      task.members[entry.pid] = entry.startTicks
    }
    return finding
  }

  /// Forgets a completed task.
  mutating func forget(_ serial: UInt64) {
    for pid in Array(strays.keys) { strays[pid]?.remove(serial) }
    strays = strays.filter { !$0.value.isEmpty }
  }

  /// Reaps orphans that ended while their task goes on.
  mutating func reapEnded(among tasks: [UInt64: RunningTask]) {
    let leaders = Set(tasks.values.map(\.pid))
    for entry in ProcessTable.all()
    where entry.isZombie && entry.parent == own && !leaders.contains(entry.pid) {
      bury(entry, of: tasks)
    }
  }

  /// Every process of the task was given a pid after its first one.
  private func candidates(_ task: RunningTask, quick: Bool) -> [ProcessEntry] {
    guard quick, let last = ProcessTable.lastPID(), last >= task.pid, last - task.pid <= 48 else {
      return ProcessTable.all()
    }
    guard last > task.pid else { return [] }
    return (task.pid + 1...last).compactMap { ProcessTable.entry($0) }
  }

  private mutating func belongs(
    _ entry: ProcessEntry, to task: RunningTask, _ tasks: [UInt64: RunningTask]
  ) -> Bool {
    if entry.session == task.pid || entry.group == task.pid { return true }
    for other in tasks.values where entry.session == other.pid || entry.group == other.pid {
      return false
    }
    if task.hasMember(entry) || task.mark.marks(entry.pid) { return true }
    guard ownsAllChildren, entry.parent == own else { return false }
    if tasks.values.contains(where: { $0.serial != task.serial && $0.mark.marks(entry.pid) }) {
      return false
    }
    let suspects = strays[entry.pid] ?? Set(tasks.keys)
    strays[entry.pid] = suspects
    return suspects == [task.serial]
  }

  private func addDescendants(
    to members: inout Set<pid_t>, of leader: pid_t, _ entries: [ProcessEntry], _ leaders: Set<pid_t>
  ) {
    var grew = true
    while grew {
      grew = false
      for entry in entries where !entry.isZombie && !members.contains(entry.pid) {
        guard entry.pid != own, !leaders.contains(entry.pid) else { continue }
        if members.contains(entry.parent) || entry.parent == leader {
          members.insert(entry.pid)
          grew = true
        }
      }
    }
  }

  /// Reaps an adopted zombie. Other parts of the process may have children of their own: theirs are
  /// left alone.
  private mutating func bury(_ entry: ProcessEntry, of tasks: [UInt64: RunningTask]) {
    let isTasks = tasks.values.contains {
      entry.session == $0.pid || entry.group == $0.pid || $0.hasMember(entry)
    }
    guard isTasks || ownsAllChildren else { return }
    var status: Int32 = 0
    waitpid(entry.pid, &status, WNOHANG)
    strays[entry.pid] = nil
  }
}
