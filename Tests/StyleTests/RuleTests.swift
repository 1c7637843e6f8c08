import Testing

// Each rule catches a bad sample and lets a good one pass: a rule that can't fail proves nothing.

@Suite("Style rules")
struct RuleTests {
  /// Names of the rules that the text breaks, each as often as it does.
  private func broken(_ text: String, at path: String = "Sources/LogStore/Sample.swift") -> [String]
  {
    let file = SourceFile(path: path, text: text)
    return Rules.all.flatMap { rule in rule.violations(in: file).map { _ in rule.name } }
  }

  private let good = "/// A thing.\nstruct Thing {\n  func act() {}\n}\n"

  @Test func aGoodFileBreaksNothing() { #expect(broken(good) == []) }

  @Test func messagesTellWhereWhatAndWhy() throws {
    let file = SourceFile(path: "Sources/LogStore/A.swift", text: "// a\nlet a = try! b()\n")
    let violation = try #require(Rules.all.flatMap { $0.violations(in: file) }.first)
    #expect(violation.description.hasPrefix("Sources/LogStore/A.swift:2: `try!` is forbidden. Why"))
  }

  @Test func longLines() {
    let line = "// " + String(repeating: "x", count: 97)
    #expect(broken(line) == [])
    #expect(broken(line + "x") == ["line length"])
    #expect(broken("# " + line, at: "scripts/a.sh") == ["line length"])
    #expect(broken(line + "x", at: "README.md") == [])
    #expect(broken(line + "x", at: "Tests/A/b.pb.swift") == [])
    #expect(broken("// " + String(repeating: "ü", count: 97)) == [])
  }

  @Test func longFiles() {
    #expect(broken(String(repeating: "//\n", count: 400)) == [])
    #expect(broken(String(repeating: "//\n", count: 401)) == ["file length"])
  }

  @Test func longFunctions() {
    func sample(_ opening: String, _ lines: Int) -> String {
      "/// A.\nstruct A {\n  \(opening) {\n" + String(repeating: "    act()\n", count: lines - 2)
        + "  }\n}\n"
    }
    let openings = [
      "func a()", "init?(_ a: () -> Void = {})", "deinit", "subscript(i: Int) -> Int",
      "func a<T>() async throws(E) -> [T] where T: B",
    ]
    for opening in openings {
      #expect(broken(sample(opening, 70)) == [], "\(opening)")
      #expect(broken(sample(opening, 71)) == ["function length"], "\(opening)")
    }
  }

  @Test func functionsAreFoundThroughStringsCommentsAndProtocols() {
    let code = """
      protocol P {
        func required() -> Int
        init()
        var x: Int { get }
      }
      // func commented() {
      func real() { self.init() ; print("{ \\(nested("}")) {") }
      let s = #"func quoted() { "# /* { func no() { /* { */ } */
      func last() {
      }
      """
    let found = SwiftFunctions.all(in: SwiftMask.mask(Array(code.utf8)))
    #expect(found == [.init(line: 7, lineCount: 1), .init(line: 9, lineCount: 2)])
  }

  @Test func headers() {
    #expect(broken("struct A {}\n") == ["header"])
    #expect(broken("") == ["header"])
    let core = "Sources/Roles/Core/A.swift"
    #expect(broken("import LogStore\n\n/// A.\nstruct A {}\n", at: core) == [])
    #expect(broken("import LogStore\n\nstruct A {}\n", at: core) == ["header"])
    #expect(broken("struct A {}\n", at: "Tests/ATests/A.swift") == [])
  }

  @Test(arguments: [
    ("Sources/LogStore/A.swift", "import ReplicationCore"),
    ("Sources/LogStore/A.swift", "import Foundation"),
    ("Sources/LogStore/A.swift", "package import NIOCore"),
    ("Sources/Replication/Core/A.swift", "import RolesCore"),
    ("Sources/Replication/Core/A.swift", "import Glibc"),
    ("Sources/Replication/Core/A.swift", "import struct Foundation.Data"),
    ("Sources/Replication/Transport/A.swift", "import RolesCore"),
    ("Sources/Roles/Core/A.swift", "import RolesShell"),
    ("Sources/Roles/Core/A.swift", "@preconcurrency import NIOPosix"),
    ("Sources/Roles/Core/A.swift", "import Logging"),
    ("Sources/Roles/Node/A.swift", "import ReplicationTransport"),
    ("Sources/Roles/Shell/A.swift", "import Simulator"),
    ("Sources/Tools/rpcv-logdump/A.swift", "import RolesShell"),
    ("Sources/Unheard/Of/A.swift", ""),
  ])
  func importsUpwards(path: String, line: String) {
    #expect(broken("// A.\n\(line)\n", at: path) == ["imports"])
  }

  @Test(arguments: [
    ("Sources/LogStore/A.swift", "import CLZ4\nimport Crypto\nimport Glibc"),
    ("Sources/Replication/Core/A.swift", "import LogStore"),
    ("Sources/Replication/Transport/A.swift", "import NIOCore\nimport Logging"),
    ("Sources/Roles/Core/A.swift", "import DequeModule\nimport Crypto\npublic import LogStore"),
    ("Sources/Roles/Shell/A.swift", "import Foundation\nimport Glibc\nimport CSpawn"),
    ("Sources/Tools/rpcv/A.swift", "import RolesShell\nlet important = 1"),
    ("Sources/LogStore/A.swift", "let text = \"\"\"\n  import Foundation\n  \"\"\""),
  ])
  func importsDownwards(path: String, lines: String) {
    #expect(broken("// A.\n\(lines)\n", at: path) == [])
  }

  @Test(arguments: [
    ("let a = try! b()", "try!"), ("let a = b as! C", "as!"), ("fatalError(\"no\")", "fatalError("),
    ("Thread.sleep(forTimeInterval: 1)", "Thread.sleep"),
    ("try await Task.sleep(for: .seconds(1))", "Task.sleep"), ("usleep(10)", "usleep("),
    ("final class A: @unchecked Sendable {}", "proof"),
    ("nonisolated(unsafe) var a = 1 // it is fine", "proof"),
  ])
  func forbiddenCalls(line: String, rule: String) {
    #expect(broken("// A.\n\(line)\n") == [rule])
    #expect(broken("// A.\n\(line)\n", at: "Tests/LogStoreTests/A.swift") == [rule])
  }

  @Test(arguments: [
    "let a = \"try! this\"", "let a = 1  // fatalError( is forbidden", "try await a()",
    "if a != b {}", "let has = 1, canvas = has", "busleep(10)",
    "final class A: @unchecked Sendable {}  // proof: its state is behind a lock",
  ])
  func harmlessCalls(line: String) { #expect(broken("// A.\n\(line)\n") == []) }

  @Test func unfinishedWork() {
    for word in Rules.unfinishedWords {
      #expect(broken("// \(word): later\n") == ["unfinished"])
      #expect(broken("- \(word)\n", at: "docs/A.md") == ["unfinished"])
    }
    #expect(broken("mktemp \(String(repeating: "X", count: 6))\n", at: "scripts/a.sh") == [])
  }

  @Test func machinePaths() {
    for folder in Rules.machineFolders {
      #expect(broken("cd \(folder)main\n", at: "scripts/a.sh") == ["machine path"])
      #expect(broken("// \"\(folder)a\"\n") == ["machine path"])
    }
    #expect(broken("// see docs\(Rules.machineFolders[0])x, ../home/x, ~/home/x, /tmp/x\n") == [])
  }
}
