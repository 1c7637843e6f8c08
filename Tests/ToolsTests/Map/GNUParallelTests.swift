import Foundation
import Testing

@testable import rpcv

// The command lines of `rpcv map` beside those of the real GNU parallel, character by character.
// Two differences are meant, and tested elsewhere: `:::` with nothing behind it makes no job (there
// standard input is read instead), and an argument with a line break stays one.

@Suite("Beside GNU parallel")
struct GNUParallelTests {
  static let program = ["/usr/bin/parallel", "/usr/local/bin/parallel"].first { path in
    guard FileManager.default.isExecutableFile(atPath: path),
      let version = try? outputOf(path, ["--version"])
    else { return false }
    return String(decoding: version, as: UTF8.self).hasPrefix("GNU parallel")
  }

  /// `F3`, `F2` and `F0` are files of three, two and no lines.
  static let cases: [[String]] = [
    // Without and with placeholders
    ["echo", ":::", "a", "b"], ["echo", "{}", ":::", "a", "b"], ["echo", "x{}y", ":::", "a b"],
    ["echo {} {}", ":::", "a"], ["echo", "a  b", "{}", ":::", "x"], ["echo", "--", ":::", "a"],
    ["echo {#}", ":::", "a", "b"], ["echo {#}-{}", ":::", "a", "b"],
    ["echo {1}{2}", ":::", "a.b.c"], ["echo {2} {1} {3}", ":::", "a", ":::", "1.2"],
    ["echo {-1} {-2.} {2/} {1//} {1/.}", ":::", "a/b.c", ":::", "d/e.f.g"],
    ["echo {.}", ":::", "a.b", "c.d", ":::", "1.2"], ["echo {/} {//}", ":::", "a/b", ":::", "c/d"],
    // What is no placeholder
    ["echo {a} {} {..} {1.2} { } {}}", ":::", "a"], ["echo {..} {...} {+/} {:2}", ":::", "a.b.c"],
    ["echo {##}", ":::", "a"], ["echo {+1} {-} {--1} {1}", ":::", "a"], ["echo {", ":::", "a"],
    ["echo }{", ":::", "a"], ["echo {{}}", ":::", "a"], ["echo {1", ":::", "a"],
    // Quoting
    ["echo", ":::", "", " ", "it's", "''", "a$b", "x;y", "tab\tx", "ü", "a*b", "~a", "#x"],
    ["echo", ":::", "a=b", "a%b", "a:b", "a,b", "a@b", "a+b", "a^b", "-n", "a'", "'a", "a'b'c"],
    ["echo", ":::", "!", "a{b}", "{.}", "a[1]", "a_b", "-", "/", "\\", "\"", "`x`", "a&b", "a|b"],
    ["echo \"{}\"", ":::", "a b", "it's"], ["echo '{}'", ":::", "a b"],
    ["echo {} > {.}.out && cat {.}.out | wc -c; echo $HOME", ":::", "a b.c"],
    ["-q", "echo", "a  b", "it's", "{}", "x{.}y z", ":::", "x.y w"],
    ["-q", "echo", "{}", "{1}{2}", ":::", "a x", ":::", "b"],
    ["-q", "echo", "x{}y z", "{}{}", ":::", "a x", ":::", "b"],
    ["-q", "echo", "{3}", "x{3}", "{.}", ":::", "a.x y", ":::", "b"],
    ["echo", ":::", "'a", "''a", "a''", "'''", "a''b'c", "'"], ["-q", "echo a", ":::", "b c"],
    ["-q", "{}", ":::", "a b"], ["-q", "echo", ":::", "a x", ":::", "b"],
    // Parts of paths
    ["echo {} {.}", ":::", "a/b.c", "/x/y", "noext", ".hid", "dir.d/file", "a/", "/", "//"],
    ["echo {/} {//}", ":::", "a/b.c", "/x/y", "noext", ".hid", "dir.d/file", "a/", "/", "//"],
    ["echo {/.} {.}", ":::", "a/.hid", "a.", "a..", ".a.b", "a/b.c/d", ".", "..", "../a", "a.b/"],
    ["echo {//} {/}", ":::", "/x", "//x", "a//b", "a/b/", "a/b//", "./a", ".", "..", "/a/b/"],
    ["echo {/.} {.}", ":::", "a b/c d.e", "a b.c", "x.ü", ".x.", "a.b c", "a/.", ""],
    // The arguments as the command
    [":::", "echo a  b", "echo \"c\""], ["{}", ":::", "a b", "c"], ["{} x", ":::", "a b"],
    ["{.}", ":::", "a b.c"], ["{1}{2}", ":::", "a b.c", ":::", "d e"], [" {} ", ":::", "a b.c"],
    ["{};{}", ":::", "a b"], ["{#} {}", ":::", "a b"], [":::", "a b", "c", ":::", "d e"],
    [":::", "a {}"], ["{}", "{2}", ":::", "a b", ":::", "c d"],
    // Sources
    ["echo", ":::", "A", "B", ":::", "1", "2"], ["echo", "::::", "F3", "F2"],
    ["echo", ":::", "A", "B", "::::", "F3", ":::", "x", "y"],
    ["-a", "F3", "echo", ":::", "1", "2"],
    ["-a", "F3", "-a", "F2", "echo {2}-{1}"], ["--link", "-a", "F3", "-a", "F2", "echo {2}-{1}"],
    ["--link", "echo", ":::", "a", "b", "c", ":::", "1", "2"],
    ["--xapply", "echo", ":::", "a", "::::", "F3", ":::", "1", "2"],
    ["echo", ":::", "a", "b", "c", ":::+", "1", "2"],
    ["echo", ":::", "a", "b", ":::+", "1", "2", "3", ":::", "X", "Y"],
    ["echo", "::::", "F3", "::::+", "F2", ":::", "q"], ["echo", "::::", "F0"],
    ["echo", ":::", "a", "b", "::::", "F0"], ["echo", "::::", "F0", ":::", "a"],
    ["echo", "::::", "F0", "F0"], ["echo", ":::", "a", ":::"], ["--arg-file", "F3", "echo"],
    ["--arg-file=F3", "echo"], ["-kj4", "echo", ":::", "a"], ["--jobs=4", "echo", ":::", "a"],
    ["echo", ":::", "a", "-j", "3", "--", "b"], ["--", "-x", "{}", ":::", "a"],
    ["echo", "::::", "-", ":::", "a", "b"], ["echo"], ["-r", "echo"],
    ["--tag", "echo", ":::", "a"],
  ]

  @Test(
    .enabled(
      if: program != nil, "GNU parallel is not installed (apt-get install parallel): skipped"),
    arguments: cases)
  func commandLinesAreEqual(_ arguments: [String]) throws {
    let scratch = try Scratch()
    _ = try scratch.file("F3", "x\ny z\n\n")
    _ = try scratch.file("F2", "1\n2")
    _ = try scratch.file("F0", "")
    let input = Data("in 1\n\nin 2\n".utf8)

    let program = try #require(Self.program)
    let theirs = try outputOf(
      program, ["--will-cite", "--dry-run", "-k"] + arguments, input: input,
      environment: ["PARALLEL_SHELL": "/bin/sh", "PARALLEL_HOME": scratch.path],
      folder: scratch.path)

    let inputFile = try scratch.file("input", String(decoding: input, as: UTF8.self))
    let ours = try commandLines(arguments.map(bytes), input: inputFile, folder: scratch.path)
    #expect(String(decoding: ours, as: UTF8.self) == String(decoding: theirs, as: UTF8.self))
  }

  /// What `rpcv map --dry-run` prints; files are looked for in `folder`, `-` is `input`.
  private func commandLines(_ words: [Bytes], input: Bytes, folder: String) throws -> Bytes {
    let options = try MapOptions(parsing: words)
    let sources = options.sources.map { group in
      SourceGroup(
        columns: group.columns.map { column in
          guard case .file(let name) = column else { return column }
          return .file(name == bytes("-") ? input : bytes(folder + "/") + name)
        })
    }
    let jobs = try JobSequence(sources, options: options.sequence)
    let command = try CommandTemplate(words: options.command, isQuoted: options.isQuoted)
    var result: Bytes = []
    while let job = try jobs.next() {
      var tagger = LineTagger(tag: options.tag?.expand(job))
      result += tagger.tagged(command.commandLine(job) + bytes("\n"))
    }
    return result
  }
}
