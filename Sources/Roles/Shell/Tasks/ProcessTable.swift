// What /proc tells about processes: who is whose child, in which session, since when, and whether
// a mark stands in its environment. Everything here may be outdated when it is returned.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

struct ProcessEntry: Hashable, Sendable {
  var pid: pid_t
  /// R, S, D, T, Z, X, ... as in proc(5).
  var state: UInt8
  var parent: pid_t
  var group: pid_t
  var session: pid_t
  /// After the machine's start, in ticks of 10 ms.
  var startTicks: UInt64

  var isZombie: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
}

enum ProcessTable {
  static func entry(_ pid: pid_t) -> ProcessEntry? {
    guard let bytes = Descriptors.contents("/proc/\(pid)/stat", limit: 4096) else { return nil }
    return parse(bytes, pid)
  }

  /// The name in parentheses may hold anything: fields count from the last parenthesis.
  static func parse(_ bytes: [UInt8], _ pid: pid_t) -> ProcessEntry? {
    guard let close = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " "))
    guard fields.count >= 20, let state = fields[0].first else { return nil }
    func number(_ index: Int) -> Int64 {
      Int64(String(decoding: fields[index], as: UTF8.self)) ?? 0
    }
    return ProcessEntry(
      pid: pid, state: state, parent: pid_t(truncatingIfNeeded: number(1)),
      group: pid_t(truncatingIfNeeded: number(2)), session: pid_t(truncatingIfNeeded: number(3)),
      startTicks: UInt64(clamping: number(19)))
  }

  /// All processes, in ascending order.
  static func all() -> [ProcessEntry] {
    guard let directory = opendir("/proc") else { return [] }
    defer { closedir(directory) }
    var pids: [pid_t] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let pid = pid_t(name) { pids.append(pid) }
    }
    return pids.sorted().compactMap { entry($0) }
  }

  /// The pid that the system gave out last, to a process or a thread; nil if it doesn't tell.
  static func lastPID() -> pid_t? {
    guard let bytes = Descriptors.contents("/proc/loadavg", limit: 256),
      let last = bytes.split(separator: UInt8(ascii: " ")).last
    else { return nil }
    return pid_t(String(decoding: last.filter { $0 > 32 }, as: UTF8.self))
  }

  /// Whether one of the first variables of the process's environment is `mark` (NAME=value). False
  /// if it may not be read.
  static func environment(of pid: pid_t, contains mark: [UInt8]) -> Bool {
    guard let bytes = Descriptors.contents("/proc/\(pid)/environ", limit: 32 << 10) else {
      return false
    }
    return bytes.split(separator: 0).contains { $0.elementsEqual(mark) }
  }

  /// Names this boot of the machine; pids and ticks mean nothing in another.
  static func bootIdentity() -> String {
    let bytes = Descriptors.contents("/proc/sys/kernel/random/boot_id", limit: 64) ?? []
    return String(decoding: bytes.filter { $0 > 32 }, as: UTF8.self)
  }
}
