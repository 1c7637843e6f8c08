import RolesCore
import Testing

@testable import LogStore
@testable import rpcv_logdump

/// The inspection of real directories: sound, in use, torn, corrupt, empty, missing, foreign.
@Suite("Log dump")
struct DumpTests {
  /// Start of frame `index` in the segment's only file.
  private func frames(_ path: String) throws -> [(start: Int, end: Int)] {
    try Printed.dump(path, json: true).objects("frame").map { frame in
      (
        try #require(frame["offset"] as? Int), try #require(frame["end"] as? Int)
      )
    }
  }

  @Test func aSoundDirectoryIsShownInWords() throws {
    try NodeFixture.run { node in
      let name = try node.writeFiveFrames()
      let printed = try Printed.dump(node.directory)
      #expect(printed.complaints == [])
      #expect(printed.exitStatus == 0)
      #expect(printed.lines.first == "\(node.facts): facts of node \(name.node)")
      #expect(printed.lines[1].hasPrefix("segment \(name) (own): 5 records, "))
      #expect(printed.lines[1].hasSuffix("bytes, sound"))
      #expect(printed.lines[2].hasPrefix("  frame at 64: 1 record from #0, "))
      #expect(
        printed.lines[3]
          == "    #0 opened: session aaaaaaaa/bbbbbbbb \"session 1\" of \"ann\", keep")
      #expect(printed.text.contains("    #4 opened: "))
      // Sealing has left an empty frame that tells the last durable end.
      #expect(printed.text.contains(": empty, durable up to "))
      #expect(try #require(printed.lines.last).hasSuffix("bytes: sound"))
      #expect(try Printed.dump(node.directory, verify: true).exitStatus == 0)
      #expect(try Printed.dump(node.facts).lines == printed.lines)
      #expect(try Printed.dump(node.path(name)).lines == printed.lines)
    }
  }

  @Test func jsonSaysTheSame() throws {
    try NodeFixture.run { node in
      let name = try node.writeFiveFrames()
      let printed = try Printed.dump(node.directory, json: true)
      #expect(try printed.objects("log").first?["node"] as? String == "\(name.node)")
      let segment = try #require(try printed.objects("segment").first)
      #expect(segment["segment"] as? String == "\(name)")
      #expect(segment["serial"] as? Int == 1)
      #expect(segment["own"] as? Bool == true)
      #expect(segment["retired"] as? Bool == false)
      #expect(segment["records"] as? Int == 5)
      #expect(segment["state"] as? String == "sound")
      #expect(segment["size"] as? Int == (try node.bytes(node.path(name)).count))
      let records = try printed.objects("record")
      #expect(records.compactMap { $0["ordinal"] as? Int } == [0, 1, 2, 3, 4])
      #expect(records.allSatisfy { $0["name"] as? String == "opened" })
      #expect(try printed.objects("total").first?["records"] as? Int == 5)
    }
  }

  @Test func aLogInUseIsSoundAndStaysUntouched() throws {
    try NodeFixture.run { node in
      let owner = try node.lock()
      defer { owner.close() }
      let (log, _) = try node.open(owner.node) { $0.segmentLimit = 4096 }
      for number in 1...40 {
        try log.append(Facts.opened("session \(number)"))
        if number % 3 == 0 { try log.write() }
        if number % 7 == 0 { try log.commit() }
        try log.write()
        let before = try node.everything()
        let printed = try Printed.dump(node.directory, json: true, verify: true)
        #expect(printed.exitStatus == 0, "after \(number) records")
        #expect(printed.complaints == [])
        #expect(try printed.objects("total").first?["records"] as? Int == number)
        #expect(try node.everything() == before)
      }
      #expect(try Printed.dump(node.directory, json: true).objects("segment").count > 1)
    }
  }

  @Test func aTornTailIsToldAndWhatTheNextStartDoes() throws {
    try NodeFixture.run { node in
      let owner = try node.lock()
      let (log, _) = try node.open(owner.node)
      for number in 1...2 {
        try log.append(Facts.opened("session \(number)"))
        try log.commit()
      }
      try log.append(Facts.opened("never durable"))
      try log.write()
      let path = try node.path(log.openSegment)
      let last = try #require(frames(path).last)
      // As a power cut leaves it: half of the frame that no sync covered.
      var bytes = try Array(node.bytes(path)[..<last.end])
      for index in (last.start + 100)..<last.end { bytes[index] = 0 }
      node.write(bytes, to: path)
      owner.close()
      let before = try node.everything()
      let printed = try Printed.dump(node.directory, verify: true)
      #expect(printed.exitStatus == 1)
      #expect(try #require(printed.lines.last).hasSuffix("bytes: torn"))
      let segment = try #require(printed.lines.first { $0.hasPrefix("segment") })
      let gone = last.end - last.start
      #expect(
        segment.hasSuffix(
          "torn: \(gone) bytes from \(last.start) on, of which nothing says that they were durable "
            + "(the checksum does not match); the next start cuts them off"))
      #expect(try Printed.dump(node.directory).text.contains("\n  torn from \(last.start) on\n"))
      #expect(try node.everything() == before)
    }
  }

  @Test func aFlippedByteIsCorruptionAndWhatStandsBehindIsShown() throws {
    try NodeFixture.run { node in
      let name = try node.writeFiveFrames()
      let path = try node.path(name)
      let hit = try frames(path)[2]
      var bytes = try node.bytes(path)
      bytes[hit.start + 90] ^= 4
      node.write(bytes, to: path)
      let printed = try Printed.dump(node.directory)
      #expect(printed.exitStatus == 0)
      let segment = try #require(printed.lines.first { $0.hasPrefix("segment") })
      #expect(segment.contains("2 records, \(hit.start) bytes, corrupt: durable up to "))
      #expect(segment.contains("intact only up to \(hit.start) (the checksum does not match)"))
      #expect(segment.contains("3 intact frames behind"))
      let lines = printed.lines
      let damage = try #require(lines.firstIndex(of: "  corrupt from \(hit.start) on"))
      #expect(lines[damage - 1].hasPrefix("    #1 opened"))
      #expect(lines[damage + 1].hasPrefix("  frame at \(hit.end): "))
      #expect(lines[damage + 1].hasSuffix(", behind the damage"))
      #expect(lines[damage + 2].hasPrefix("    #3 opened"))
      #expect(try Printed.dump(node.directory, verify: true).exitStatus == 2)
      let json = try Printed.dump(node.directory, json: true)
      #expect(try json.objects("segment").first?["behind"] as? Int == 3)
      #expect(
        try json.objects("frame").map { $0["behind"] as? Bool } == [
          false, false, true, true, true,
        ])
    }
  }

  /// What a start makes of corruption: the damaged file set aside, its segment to be healed.
  @Test func whatAStartSetAsideIsShown() throws {
    try NodeFixture.run { node in
      let name = try node.writeFiveFrames()
      let path = try node.path(name)
      var bytes = try node.bytes(path)
      bytes[try frames(path)[2].start + 90] ^= 4
      node.write(bytes, to: path)
      let (log, report) = try node.open(name.node)
      #expect(report.incidents.count == 1)
      try log.close()
      let printed = try Printed.dump(node.directory, verify: true)
      #expect(printed.exitStatus == 2)
      #expect(printed.text.contains("corrupt: cut short by damage and not healed yet; it once"))
      #expect(printed.lines.contains("\(path).damaged: damaged, set aside by an earlier start"))
      // The file that was set aside, and a copy under another name.
      node.write(bytes, to: node.directory + "/copy")
      for file in [path + ".damaged", node.directory + "/copy"] {
        let alone = try Printed.dump(file, json: true, verify: true)
        #expect(alone.exitStatus == 2)
        let segment = try #require(try alone.objects("segment").first)
        #expect(segment["segment"] as? String == "\(name)")
        #expect(segment["behind"] as? Int == 3)
      }
    }
  }

  /// A segment whose header rots is not here at all, until others send it.
  @Test func aMissingSegmentIsToldUntilItIsRetired() throws {
    try NodeFixture.run { node in
      let name = try node.writeFiveFrames()
      let path = try node.path(name)
      var bytes = try node.bytes(path)
      bytes[20] ^= 1
      node.write(bytes, to: path)
      let (log, _) = try node.open(name.node)
      let printed = try Printed.dump(node.directory, verify: true)
      #expect(printed.exitStatus == 2)
      #expect(
        printed.lines.contains(
          "segment \(name): damaged and not here at all; to be healed from another node"))
      try log.append(Retirement.retired(name).record)
      try log.close()
      let later = try Printed.dump(node.directory, verify: true)
      #expect(later.exitStatus == 0)
      #expect(!later.text.contains("not here"))
    }
  }

  @Test func copiesAndRetirementsAreMarked() throws {
    try NodeFixture.run { other in
      let name = try other.writeFiveFrames()
      try NodeFixture.run { node in
        let owner = try node.lock()
        let (log, _) = try node.open(owner.node)
        let bytes = try other.bytes(other.path(name))
        try bytes.withUnsafeBytes { _ = try log.ingest(name, at: .zero, $0) { _, _, _ in } }
        try log.commit()
        let line = try Printed.dump(node.directory).lines.first { $0.hasPrefix("segment \(name)") }
        #expect(line?.hasPrefix("segment \(name) (copy): 5 records") == true)
        try log.append(Retirement.retired(name).record)
        try log.commit()
        let lines = try Printed.dump(node.directory).lines
        #expect(lines.contains { $0.hasPrefix("segment \(name) (copy, retired): 5 records") })
        #expect(lines.contains("    #0 retired: segment \(name) may be drained"))
        owner.close()
      }
    }
  }

  @Test func foreignFilesAreLeftAloneAndUnreadableOnesTold() throws {
    try NodeFixture.run { node in
      let name = try node.writeFiveFrames()
      for file in ["README", "core", "1-2-3.seg", "\(name.nonce).seg"] {
        node.write([1, 2, 3], to: node.facts + "/" + file)
      }
      let printed = try Printed.dump(node.directory, verify: true)
      #expect(printed.exitStatus == 0)
      #expect(printed.lines.count == 3)
      // A segment of a newer version, and one that is no file.
      var bytes = try node.bytes(node.path(name))
      bytes[8] = 2
      let sum = XXH64.hash(Array(bytes[..<56]))
      for index in 0..<8 { bytes[56 + index] = UInt8(truncatingIfNeeded: sum >> (8 * index)) }
      let stem = node.facts + "/" + String(repeating: "0", count: 32) + "-0000000000000001-"
      node.write(bytes, to: stem + "0000000000000001.seg")
      try PosixFileSystem().makeDirectory(stem + "0000000000000002.seg")
      let worse = try Printed.dump(node.directory, verify: true)
      #expect(worse.exitStatus == 74)
      #expect(worse.lines.filter { $0.contains(": can't be read: ") }.count == 2)
      #expect(worse.text.contains("format version 2"))
      #expect(worse.text.contains("segment \(name) (own): 5 records"))
      #expect(worse.lines.last?.hasSuffix("bytes: sound, as far as it could be read") == true)
      let readme = try Printed.dump(node.facts + "/README", json: true)
      #expect(readme.exitStatus == 66)
      #expect(
        readme.complaints == [
          "\(node.facts)/README is no segment of a log (ends in the middle of a frame or header)"
        ])
      #expect(try readme.objects("total").first?["complete"] as? Bool == false)
    }
  }

  @Test func aDamagedIdentityDoesNotHideTheLog() throws {
    try NodeFixture.run { node in
      _ = try node.writeFiveFrames()
      node.write(Array("rpcv-node 1\nnode what\n".utf8), to: node.directory + "/IDENTITY")
      let printed = try Printed.dump(node.directory)
      #expect(printed.complaints.count == 1)
      #expect(printed.lines.first == "\(node.facts): facts of an unknown node")
      #expect(printed.text.contains("#4 opened"))
      #expect(try Printed.dump(node.directory, verify: true).exitStatus == 2)
    }
  }

  @Test func anEmptyLogHasNothingToShow() throws {
    try NodeFixture.run { node in
      let owner = try node.lock()
      let before = try Printed.dump(node.directory, verify: true)
      #expect(before.lines == ["0 segments, 0 records, 0 bytes: sound"])
      let (log, _) = try node.open(owner.node)
      try log.close()
      owner.close()
      let printed = try Printed.dump(node.directory, verify: true)
      #expect(printed.exitStatus == 0)
      #expect(
        printed.lines == [
          "\(node.facts): facts of node \(owner.node)", "0 segments, 0 records, 0 bytes: sound",
        ])
    }
  }
}
