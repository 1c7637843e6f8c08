import LogStore
import ReplicationCore
import RolesCore

// I2: whatever bytes of a segment anybody ever held are a prefix of one sequence. It keeps the
// longest that was seen of each, looks at what is new on a disk whenever a node may be about to
// lose or delete it, and at all of it after a restart.

struct SegmentTruth {
  private(set) var bytes: [SegmentName: [UInt8]] = [:]
  private var verified: [Int: [SegmentName: Int]] = [:]

  /// All of a disk is to be looked at again.
  mutating func restarted(_ disk: Int) { verified[disk] = [:] }

  func seen(_ name: SegmentName, on disk: Int) -> Int { verified[disk]?[name] ?? 0 }

  /// False if they are other bytes than were seen before.
  mutating func see(_ new: [UInt8], of name: SegmentName, on disk: Int, from start: Int) -> Bool {
    let known = bytes[name]?.count ?? 0
    let common = min(known - start, new.count)
    if common > 0, let old = bytes[name], old[start..<start + common] != new[..<common] {
      return false
    }
    if start + new.count > known {
      bytes[name, default: []].append(contentsOf: new[max(known - start, 0)...])
    }
    verified[disk, default: [:]][name] = start + new.count
    return true
  }
}

extension World {
  /// Looks at what a running node's disk holds and was not looked at.
  func noteSegments(of node: Int) {
    guard let engine = nodes[node].engine else { return }
    let disk = nodes[node].disk
    let number = nodes[node].diskNumber
    for log in [engine.facts, engine.archives.log] {
      for end in log.vector() {
        let start = segments.seen(end.name, on: number)
        let count = Int(end.end.value) - start
        guard count > 0,
          let new = disk.contents(of: log.path(of: end.name), from: UInt64(start), count: count)
        else { continue }
        guard new.count == count, segments.see(new, of: end.name, on: number, from: start) else {
          return violate(
            "I2",
            "\(nodes[node].name) holds other bytes of \(end.name) than were seen before,"
              + " between \(start) and \(end.end)")
        }
      }
    }
  }
}
