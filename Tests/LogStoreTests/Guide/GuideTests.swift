import LogStore
import Synchronization
import Testing

// Not the whole of Foundation: it has a FileHandle of its own.
import class Foundation.FileManager

/// docs/LOGSTORE.md shows code that compiles and does what it says.
struct GuideTests {
  private static let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")

  private func text(_ path: String) -> String {
    let data = FileManager.default.contents(atPath: Self.root + "/" + path)
    return String(decoding: data ?? .init(), as: UTF8.self)
  }

  private func inFolder(_ body: (String) throws -> Void) throws {
    let path =
      FileManager.default.temporaryDirectory.path + "/guide-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test func everyBlockOfTheGuideIsCodeThatIsTested() {
    let code = text("Tests/LogStoreTests/Guide/GuideStore.swift")
      .split(separator: "\n").map { $0.drop { $0 == " " } }
    let blocks = text("docs/LOGSTORE.md").components(between: "```swift\n", and: "```")
    #expect(blocks.count >= 5)
    for block in blocks {
      let lines = block.split(separator: "\n").map { $0.drop { $0 == " " } }
      let starts = code.indices.filter { code[$0...].starts(with: lines) }
      #expect(!starts.isEmpty, "not in GuideStore.swift:\n\(block)")
    }
  }

  @Test func aNotebookRemembers() throws {
    try inFolder { path in
      let book = try Notebook(at: path)
      try book.write("milk", on: "shop")
      try book.write("bread", on: "shop")
      #expect(throws: LogError.inUse(path: path)) { try Notebook(at: path) }
      try book.close()
      let again = try Notebook(at: path)
      #expect(again["shop"] == "bread")
      try again.close()
    }
  }

  @Test func cleaningGivesSpaceBack() throws {
    try inFolder { path in
      let book = try Notebook(at: path)
      let text = String(repeating: "x", count: 100_000)
      for index in 0..<150 { try book.write("\(index)" + text, on: "page \(index % 3)") }
      try book.close()
      let again = try Notebook(at: path)
      var drainer = again.makeDrainer()
      var now: UInt64 = 1
      while again.segments.count > 2 || again.bytesUsed > 2_000_000, now < 1_000 {
        now += 1
        while try again.clean(&drainer, at: now * 1_000_000_000) {}
      }
      #expect(again.bytesUsed <= 2_000_000)
      #expect(again["page 2"] == "149" + text)
      try again.close()
    }
  }

  @Test func aCopyIsTheSame() throws {
    try inFolder { path in
      let book = try Notebook(at: path + "/a")
      let copy = try Notebook(at: path + "/b")
      for index in 0..<100 { try book.write("text \(index)", on: "\(index % 7)") }
      try book.ship(to: copy)
      for index in 0..<7 { #expect(copy["\(index)"] == book["\(index)"]) }
      #expect(copy.segments == book.segments)
      try book.close()
      try copy.close()
      let again = try Notebook(at: path + "/b")
      #expect(again["3"] == "text 94")
      try again.close()
    }
  }

  @Test func aFollowerSeesWhatWasAndWhatComes() async throws {
    let path =
      FileManager.default.temporaryDirectory.path + "/guide-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let book = try Notebook(at: path)
    try book.write("0", on: "page")
    let seen = Mutex<[String]>([])
    let follower = Task.detached {
      try book.follow { _, text in seen.withLock { $0.append(text) } }
    }
    for index in 1..<20 { try book.write("\(index)", on: "page") }
    try book.close()
    try await follower.value
    #expect(seen.withLock { $0 } == (0..<20).map { "\($0)" })
  }
}
