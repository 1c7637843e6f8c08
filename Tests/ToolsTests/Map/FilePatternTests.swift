import Testing

@testable import rpcv

@Suite("Files that travel, and results")
struct FilePatternTests {
  @Test func inputsAreFilledIn() throws {
    let pattern = try FilePattern(bytes("data/./{/.}.cfg"), .input)
    #expect(try text(pattern.path(job("x/run 1.txt"))) == "data/run 1.cfg")
  }

  @Test(arguments: ["/etc/passwd", "../x", "a/../../x", "..", "", ".", "./.", "/"])
  func pathsThatLeadOutAreRefused(_ path: String) throws {
    for use in [FilePattern.Use.input, .output] {
      let pattern = try FilePattern(bytes("{}"), use)
      #expect(throws: MapError.self) { try pattern.path(job(path)) }
      #expect(throws: MapError.self) { try pattern.glob(job(path)) }
    }
  }

  @Test func argumentsInPatternsAreLiteral() throws {
    let glob = try FilePattern(bytes("{}-*.png"), .output).glob(job("a*[1]?\\"))
    #expect(glob.matches(bytes("a*[1]?\\-7.png")))
    #expect(!glob.matches(bytes("abc1x\\-7.png")))
    let literal = try FilePattern(bytes("{}.png"), .output).glob(job("a*"))
    #expect(literal.literalPath == bytes("a*.png"))
    #expect(glob.literalPath == nil)
  }

  @Test(arguments: [
    ("a.png", "a.png", true), ("a.png", "b.png", false), ("*.png", "x.png", true),
    ("*.png", "d/x.png", false), ("**.png", "d/x.png", true), ("a?c", "abc", true),
    ("a?c", "a/c", false), ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false),
    ("[!a-c]x", "dx", true), ("[]a]x", "]x", true), ("[a", "[a", true), ("a\\*", "a*", true),
    ("a\\*", "ab", false), ("d/**/x", "d/x", true), ("d/**/x", "d/e/f/x", true),
    ("d/**/x", "d/ex", false), ("d/**/x", "d/e/fx", false), ("**/x", "x", true),
    ("**/x", "a/b/x", true), ("**/x", "ax", false), ("a**b", "a/c/b", true), ("*", "", true),
    ("", "", true), ("", "a", false), ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
  ])
  func globs(pattern: String, path: String, matches: Bool) {
    #expect(Glob(bytes(pattern)).matches(bytes(path)) == matches)
  }

  @Test func resultsInATree() throws {
    let layout = try ResultsLayout(bytes("res/"))
    let files = try layout.files(job("b/c", "1"))
    #expect(text(files.stdout) == "res/1/b\\_c/2/1/stdout")
    #expect(text(files.stderr) == "res/1/b\\_c/2/1/stderr")
    #expect(text(files.seq) == "res/1/b\\_c/2/1/seq")
  }

  @Test func resultsInNamedFiles() throws {
    let layout = try ResultsLayout(bytes("out/{.}.txt"))
    let files = try layout.files(job("a b.c"))
    #expect(text(files.stdout) == "out/a b.txt")
    #expect(text(files.stderr) == "out/a b.txt.err")
    #expect(throws: MapError.self) { try layout.files(job("../../x.c")) }
  }

  @Test func componentsAreDistinctAndSafe() {
    let arguments = [
      "", ".", "..", "...", "a", "a/b", "a\\_b", "a\\b", "a\tb", "a\\tb", "\\0", "\\.", "a\nb",
      String(repeating: "x", count: 255), String(repeating: "x", count: 256),
      String(repeating: "x", count: 257), String(repeating: "/", count: 200),
    ]
    let names = arguments.map { ResultsLayout.component(bytes($0)) }
    #expect(Set(names).count == arguments.count)
    for name in names {
      #expect(!name.isEmpty && name.count <= 255 && !name.contains(UInt8(ascii: "/")))
      #expect(name != bytes(".") && name != bytes(".."))
    }
  }
}
