import Foundation
import Testing

// F5 for real: a file system of a few MiB that can be filled to its last page and freed again. It
// is a tmpfs, so it needs the right to mount one; tests ask `canMount` in their trait.

final class SmallDisk {
  let path: String
  private var filler: String { path + "/filler" }

  /// Tried once: root may not mount in some containers.
  static let canMount: Bool = {
    guard let folder = try? TestFolder(), let disk = try? SmallDisk(at: folder.path + "/d") else {
      return false
    }
    disk.unmount()
    return true
  }()

  init(at path: String, megabytes: Int = 1) throws {
    self.path = path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "none", path], expecting: 0)
  }

  /// To its last page, except for so many bytes.
  func fill(leaving bytes: Int = 0) throws {
    try run("/bin/sh", ["-c", "cat /dev/zero > '\(filler)'"], expecting: 1)
    let file = try #require(FileHandle(forUpdatingAtPath: filler))
    let size = try file.seekToEnd()
    try file.truncate(atOffset: size - min(size, UInt64(bytes)))
    try file.close()
  }

  func free() throws { try FileManager.default.removeItem(atPath: filler) }

  /// Also while somebody uses it.
  func unmount() { _ = try? run("/bin/umount", ["-l", path], expecting: 0) }

  private func run(_ program: String, _ words: [String], expecting status: Int32) throws {
    let folder = (path as NSString).deletingLastPathComponent
    let ended = try LiveProcess(
      (program as NSString).lastPathComponent, program, words, in: folder,
      number: Int.random(in: 0..<Int.max)
    ).end(within: 30)
    guard ended.status == status else {
      throw NotInTime(description: "\(program) ended with \(ended.status): \(ended.errors)")
    }
  }
}
