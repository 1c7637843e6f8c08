import Foundation
import Measuring

// What is measured on.

struct Machine: Encodable, Sendable {
  var cores: Int
  var load: String
  var kernel: String
  var fileSystem: String
  /// Write and fdatasync of 4 KiB, in milliseconds.
  var syncMedian: Double
  var syncP99: Double

  init(_ directory: String) throws {
    cores = ProcessInfo.processInfo.processorCount
    let average = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
    load = String(average.prefix { $0 != " " })
    kernel = (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)) ?? ""
    kernel = kernel.trimmingCharacters(in: .whitespacesAndNewlines)
    fileSystem = Self.fileSystem(of: directory)
    let syncs = try SyncCost.measure(in: directory)
    syncMedian = syncs.percentile(0.5) / 1e6
    syncP99 = syncs.percentile(0.99) / 1e6
  }

  /// Whether others run.
  var isBusy: Bool { (Double(load) ?? 0) > Double(cores) / 4 }

  /// The type of the mount with the longest path above the directory.
  private static func fileSystem(of directory: String) -> String {
    let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
    var best = (length: -1, type: "?")
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 2 else { continue }
      let point = fields[1] == "/" ? "/" : fields[1] + "/"
      guard (directory + "/").hasPrefix(point), point.count > best.length else { continue }
      best = (point.count, String(fields[2]))
    }
    return best.type
  }
}
