import Foundation
import Testing

// I2 on real disks: what two coordinators hold of one segment is the same bytes as far as both
// reach, and at rest they reach equally far.

struct HeldSegments: Equatable {
  /// The logical end by log and segment's file name; what is allocated ahead is not counted.
  var ends: [String: Int] = [:]

  /// As rpcv-logdump tells them.
  static func read(_ directory: String) throws -> HeldSegments {
    var held = HeldSegments()
    let folder = try TestFolder()
    let dump = try LiveProcess(
      "logdump", Program.logdump, ["--json", "--brief", directory], in: folder.path
    ).end(within: 20)
    guard dump.status == 0 else {
      throw NotInTime(description: "rpcv-logdump \(directory): \(dump.errors)")
    }
    for line in dump.lines {
      guard
        let row = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        row["type"] as? String == "segment"
      else { continue }
      guard let file = row["file"] as? String, let end = row["end"] as? Int else {
        throw NotInTime(description: "rpcv-logdump says: \(line)")
      }
      let parts = file.split(separator: "/").suffix(2)
      held.ends[parts.joined(separator: "/")] = end
    }
    return held
  }
}

extension TestGrid {
  /// What differs between any two coordinators where both hold a segment; empty if nothing does.
  func differingSegments() throws -> [String] {
    var differing: [String] = []
    let all = try addresses.indices.map { index in
      try (HeldSegments.read(directory(ofCoordinator: index)).ends, segments(ofCoordinator: index))
    }
    for (a, first) in all.enumerated() {
      for (b, second) in all.enumerated() where a < b {
        for (name, end) in first.0 {
          guard let other = second.0[name], let x = first.1[name], let y = second.1[name] else {
            continue
          }
          let common = min(end, other, x.count, y.count)
          if x.prefix(common) != y.prefix(common) {
            differing.append("\(name) of coordinators \(a) and \(b)")
          }
        }
      }
    }
    return differing
  }

  /// Until all coordinators hold the same segments, equally far.
  func awaitEqualSegments(within seconds: Double) throws {
    var seen: [HeldSegments] = []
    try eventually(within: seconds, "all hold the same: \(seen.map(\.ends))") {
      seen = try addresses.indices.map { try HeldSegments.read(directory(ofCoordinator: $0)) }
      return seen.allSatisfy { $0 == seen[0] }
    }
  }
}
