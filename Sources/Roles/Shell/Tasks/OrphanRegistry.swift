// Remembers in a file which processes are tasks' first ones, and how the others are marked, so that
// a server that was killed finds at its next start what it left behind. The file need not survive a
// power cut: nor do processes.

import LogStore
import ReplicationCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public final class OrphanRegistry: Sendable {
  /// Stands in the environment of every task of this start.
  let run: String
  private let file: Int32
  private let free = Guarded<(unused: [Int], count: Int)>(([], 0))

  private static let slotSize = 128
  private static let name = "tasks.running"

  /// What a start found of its predecessor.
  public struct Report: Hashable, Sendable {
    /// Processes that were killed, ascending.
    public var killed: [Int32] = []
    /// Task ids that had been running.
    public var tasks: [String] = []
    /// Those that don't die: the kernel holds them.
    public var undead: [Int32] = []
  }

  /// Kills the orphans that the last start in `directory` left, waits for their end (5 s at most),
  /// and begins anew. The caller holds the directory's lock.
  public static func open(in directory: String) throws(SystemFailure) -> (OrphanRegistry, Report) {
    let path = directory + "/" + name
    var report = Report()
    if let bytes = Descriptors.contents(path, limit: 16 << 20), let last = Last(bytes) {
      report = last.killAll()
    }
    let registry = try OrphanRegistry(path)
    return (registry, report)
  }

  private init(_ path: String) throws(SystemFailure) {
    run = TaskRunner.randomRun()
    file = try Descriptors.open(path, O_RDWR | O_CREAT | O_TRUNC)
    write("rpcv-tasks 1 \(ProcessTable.bootIdentity()) \(run)", slot: 0)
  }

  deinit { close(file) }

  /// Notes a task's first process, started just now, but not before `since` (ticks).
  func add(_ pid: pid_t, id: String, since: UInt64) -> Int {
    let slot = free.withLock { free in
      if let slot = free.unused.popLast() { return slot }
      free.count += 1
      return free.count
    }
    write("\(pid) \(since) \(MonotonicClock.bootTicks()) \(id)", slot: slot)
    return slot
  }

  func remove(_ slot: Int) {
    write("", slot: slot)
    free.withLock { $0.unused.append(slot) }
  }

  /// A slot is a line padded with spaces. A failure costs the memory of one task, so it is no
  /// reason not to run it: the mark in the environment finds all but those who hide.
  private func write(_ text: String, slot: Int) {
    var line = Array(text.utf8.prefix(Self.slotSize - 1))
    line += [UInt8](repeating: UInt8(ascii: " "), count: Self.slotSize - 1 - line.count)
    line.append(UInt8(ascii: "\n"))
    _ = pwrite(file, line, line.count, off_t(slot * Self.slotSize))
  }

  /// What the last start wrote.
  struct Last {
    var run: String
    struct Leader {
      var pid: pid_t
      var startTicks: ClosedRange<UInt64>
      var id: String
    }
    var leaders: [Leader] = []

    /// Nil if it is no such file, or of another boot.
    init?(_ bytes: [UInt8]) {
      let lines = bytes.split(separator: UInt8(ascii: "\n")).map {
        $0.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
      }
      guard let head = lines.first, head.count == 4, head[0] == "rpcv-tasks", head[1] == "1",
        head[2] == ProcessTable.bootIdentity()
      else { return nil }
      run = head[3]
      for line in lines.dropFirst() where line.count == 4 {
        guard let pid = pid_t(line[0]), pid > 1, let from = UInt64(line[1]),
          let to = UInt64(line[2]), from <= to, to < .max
        else { continue }
        // The kernel rounds in its own way.
        leaders.append(Leader(pid: pid, startTicks: (max(1, from) - 1)...(to + 1), id: line[3]))
      }
    }

    func killAll() -> Report {
      var report = Report(tasks: leaders.map(\.id).sorted())
      var killed: Set<pid_t> = []
      let end = MonotonicClock.now() + .seconds(5)
      while true {
        let found = orphans()
        if found.isEmpty || MonotonicClock.now() > end {
          report.killed = killed.sorted()
          report.undead = found
          return report
        }
        for pid in found {
          killed.insert(pid)
          kill(pid, SIGKILL)
        }
        poll(nil, 0, 5)
      }
    }

    /// First processes that still live, members of their sessions, and all that bear the mark.
    private func orphans() -> [pid_t] {
      let mark = TaskMark.runMark(run)
      let entries = ProcessTable.all()
      // A leader whose pid was given to another process since says nothing about a session.
      let sessions = leaders.filter { leader in
        guard let entry = entries.first(where: { $0.pid == leader.pid }) else { return true }
        return leader.startTicks.contains(entry.startTicks)
      }
      return entries.filter { entry in
        guard entry.pid != getpid(), !entry.isZombie else { return false }
        if ProcessTable.environment(of: entry.pid, contains: mark) { return true }
        return sessions.contains {
          ($0.pid == entry.pid || $0.pid == entry.session || $0.pid == entry.group)
            && entry.startTicks >= $0.startTicks.lowerBound
        }
      }.map(\.pid)
    }
  }
}
