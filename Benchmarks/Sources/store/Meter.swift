import Foundation
import Measuring

// What a run cost beside time: CPU of this process and of a peer's servers, and bytes that went to
// the device. The device counts for all, so a machine that does something else as well says more.

struct Usage {
  var cpuSeconds = 0.0
  var written: UInt64 = 0
}

struct Meter: Sendable {
  /// The device's counters; nil where the directory is on no block device.
  private let statistics: String?

  init(_ directory: String) {
    var status = stat()
    guard stat(directory, &status) == 0 else {
      statistics = nil
      return
    }
    let device = UInt64(status.st_dev)
    let major = ((device >> 8) & 0xfff) | ((device >> 32) & ~0xfff)
    let minor = (device & 0xff) | ((device >> 12) & ~0xff)
    let path = "/sys/dev/block/\(major):\(minor)/stat"
    statistics = FileManager.default.isReadableFile(atPath: path) ? path : nil
  }

  var countsDevice: Bool { statistics != nil }

  func read(_ servers: [Int32]) -> Usage {
    var own = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &own)
    var usage = Usage(cpuSeconds: Self.seconds(own.ru_utime) + Self.seconds(own.ru_stime))
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    for server in servers {
      let fields = ProcessTable.fields(of: server)
      guard fields.count > 12 else { continue }
      usage.cpuSeconds += ((Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)) / ticks
    }
    usage.written = written()
    return usage
  }

  private func written() -> UInt64 {
    guard let statistics, let text = try? String(contentsOfFile: statistics, encoding: .utf8) else {
      return 0
    }
    let fields = text.split(separator: " ")
    return fields.count > 6 ? (UInt64(fields[6]) ?? 0) * 512 : 0
  }

  private static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + Double(time.tv_usec) / 1e6
  }
}

enum ProcessTable {
  /// What /proc tells of a process behind its name: state, parent and so on.
  static func fields(of process: Int32) -> [Substring] {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return [] }
    return text[text.index(after: end)...].split(separator: " ")
  }

  /// A process and its children.
  static func family(of parent: Int32) -> [Int32] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    let children = all.compactMap { Int32($0) }.filter {
      let fields = fields(of: $0)
      return fields.count > 1 && fields[1] == "\(parent)"
    }
    return [parent] + children
  }
}
