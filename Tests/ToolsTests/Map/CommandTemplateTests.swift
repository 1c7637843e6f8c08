import Foundation
import Testing

@testable import rpcv

@Suite("Command templates")
struct CommandTemplateTests {
  private func words(_ command: String, _ arguments: String..., quoted: Bool = false) throws
    -> [String]
  {
    let template = try CommandTemplate(
      words: command.split(separator: " ").map { Array($0.utf8) }, isQuoted: quoted)
    return template.words(Job(number: 7, arguments: arguments.map(bytes))).map { text($0) }
  }

  @Test func plainCommandsNeedNoShell() throws {
    #expect(try words("gzip -9 {}", "a b") == ["gzip", "-9", "a b"])
    #expect(try words("/bin/true", "") == ["/bin/true", ""])
    #expect(try words("convert {} -size=3x4 {.}.png", "it's.jpg").last == "it's.png")
    #expect(try words("cat {#}", "a") == ["cat", "7"])
    #expect(try words("cp x{}y", "1 2", "3") == ["cp", "x1 2", "3y"])
    #expect(try words("cp {3} {1}{5}", "a", "b") == ["cp", "a"])
    #expect(try words("cp ü,@%: {}", "$HOME") == ["cp", "ü,@%:", "$HOME"])
    #expect(try words("true", "a") == ["true", "a"])
  }

  @Test(arguments: [
    "gzip {} > x", "a | b", "a; b", "a && b", "a $HOME", "a `b`", "a 'b'", "a \"b\"", "a *", "a ?",
    "a [b]", "a #b", "a ~", "a \\b", "(a)", "A=b c", "a !b", "a {b}", "a\nb", "{} a", "x{} a",
    "cd {}", "exit {}", "ulimit -v 9", ". x", "test -f {}", "if {}", "a^b", "echo a\\\\n",
    "echo -n {}", "exec a", "time a",
  ])
  func whateverIsInDoubtNeedsTheShell(_ command: String) throws {
    let template = try CommandTemplate(words: [bytes(command)])
    let words = template.words(job("z"))
    #expect(words.prefix(2).map { text($0) } == ["/bin/sh", "-c"])
    #expect(words.last == template.commandLine(job("z")))
  }

  @Test func echoGoesToTheShellWhereShellsDiffer() throws {
    #expect(try words("echo {}", "a b") == ["echo", "a b"])
    #expect(try words("echo {}", "a\\nb").first == "/bin/sh")
    #expect(try words("echo {}", "-e").first == "/bin/sh")
  }

  @Test func quotedWordsNeverNeedTheShell() throws {
    #expect(try words("a|b $x {} {.}c", "1;2.3", quoted: true) == ["a|b", "$x", "1;2.3", "1;2c"])
    #expect(try words("cd {}", "x", quoted: true) == ["/bin/sh", "-c", "cd x"])
    #expect(
      try words("cp x{}y {3} z{3}", "a", "b c", quoted: true) == ["cp", "xa", "b cy", "", "z"])
  }

  @Test func argumentsAsTheCommandGoToTheShell() throws {
    #expect(try words("", "echo  a; b") == ["/bin/sh", "-c", "echo  a; b"])
    #expect(try words("{}", "a b") == ["/bin/sh", "-c", "a b"])
  }

  /// The slot is known where the job runs, so a shell there fills it in.
  @Test func slotsAreFilledInByTheShell() throws {
    #expect(try words("cat /dev/{%}", "a") == ["/bin/sh", "-c", "cat /dev/${RPCV_SLOT}"])
    #expect(throws: MapError.self) { try words("cat {%}", "a", quoted: true) }
    #expect(throws: MapError.self) { try Template(parsing: bytes("{%}.log")) }
    let result = try outputOf(
      "/bin/sh", ["-c", try #require(try words("echo {}-{%}", "a b").last)],
      environment: ["RPCV_SLOT": "3"])
    #expect(String(decoding: result, as: UTF8.self) == "a b-3\n")
  }

  @Test(arguments: ["a {0}", "a {-0.}", "a {= uc =}"])
  func placeholdersThatCannotBeFilledInAreRefused(_ command: String) {
    #expect(throws: MapError.self) { try CommandTemplate(words: [bytes(command)]) }
  }

  /// The words of the fast path are those that a real shell finds in the command line.
  @Test func theFastPathAgreesWithTheShell() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var dice = SplitMix(state: seed)
    let literals = ["p", " ", "  ", "a", "-x", "b=c", ",", "ü", ":", "@%", "/", "\t", "3.+_"]
    let holes = ["{}", "{.}", "{/}", "{//}", "{/.}", "{1}", "{2}", "{3}", "{-1/}", "{#}"]
    let values = [
      "", " ", "a", "a b", "it's", "$x", "*", "a/b.c", "\\n", "\n", "~", "#", "-", "ü", "\"", "'",
    ]
    var script = "p() { for a; do printf '[%s]\\0' \"$a\"; done; printf '\\n\\0'; }\n"
    var expected = ""
    var count = 0
    for _ in 0..<400 {
      var command = "p "
      for _ in 0..<Int.random(in: 0..<8, using: &dice) {
        let pool = Bool.random(using: &dice) ? literals : holes
        command += pool[Int.random(in: 0..<pool.count, using: &dice)]
      }
      let count1 = Int.random(in: 1...3, using: &dice)
      let job = Job(
        number: 12,
        arguments: (0..<count1).map { _ in
          bytes(values[Int.random(in: 0..<values.count, using: &dice)])
        })
      let template = try CommandTemplate(words: [bytes(command)])
      let words = template.words(job)
      guard words.first == bytes("p") else { continue }
      script += text(template.commandLine(job)) + "\n"
      expected += words.dropFirst().map { "[\(text($0))]\0" }.joined() + "\n\0"
      count += 1
    }
    let found = try outputOf("/bin/sh", ["-s"], input: Data(script.utf8))
    #expect(String(decoding: found, as: UTF8.self) == expected, "seed \(seed)")
    #expect(count > 200, "seed \(seed)")
  }
}

/// A generator with a seed, so that a failing run can be repeated.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
