/// `--results DIR`: where the output of each job is stored. A plain name is the root of a tree
/// DIR/1/ARGUMENT/2/ARGUMENT/{stdout,stderr,seq}; a name with placeholders is the file for stdout,
/// beside it NAME.err and NAME.seq. Both are GNU parallel's, but for what would leave the tree.
struct ResultsLayout: Equatable, Sendable {
  struct Files: Equatable, Sendable {
    var stdout: Bytes
    var stderr: Bytes
    /// Holds the job's number.
    var seq: Bytes
  }

  private let template: Template

  init(_ source: Bytes) throws(MapError) {
    guard !source.isEmpty else { throw .usage("--results: the name is empty") }
    template = try Template(parsing: source)
  }

  func files(_ job: Job) throws(MapError) -> Files {
    if template.hasPlaceholder {
      let name = template.expand(job)
      guard !name.split(separator: UInt8(ascii: "/")).contains(Array("..".utf8)[...]),
        name.last != UInt8(ascii: "/")
      else {
        throw .file("job \(job.number), --results '\(text(name))': not the name of a file below it")
      }
      return Files(
        stdout: name, stderr: name + Array(".err".utf8), seq: name + Array(".seq".utf8))
    }
    var folder = template.expand(job)
    while folder.count > 1, folder.last == UInt8(ascii: "/") { folder.removeLast() }
    for (index, argument) in job.arguments.enumerated() {
      folder += Array("/\(index + 1)/".utf8) + Self.component(argument)
    }
    func file(_ name: String) -> Bytes { folder + Array("/\(name)".utf8) }
    return Files(stdout: file("stdout"), stderr: file("stderr"), seq: file("seq"))
  }

  /// The argument as one component of a path, distinct for distinct arguments. Slash, backslash and
  /// tab are escaped as GNU parallel does it; so are the names that a file system reserves.
  static func component(_ argument: Bytes) -> Bytes {
    if argument.isEmpty { return Array("\\0".utf8) }
    var name: Bytes = []
    let isReserved = argument.count <= 2 && argument.allSatisfy { $0 == UInt8(ascii: ".") }
    for byte in argument {
      switch byte {
      case UInt8(ascii: "/"): name += Array("\\_".utf8)
      case UInt8(ascii: "\\"): name += Array("\\\\".utf8)
      case UInt8(ascii: "\t"): name += Array("\\t".utf8)
      case UInt8(ascii: ".") where isReserved: name += Array("\\.".utf8)
      default: name.append(byte)
      }
    }
    if name.count <= nameLimit { return name }
    // Too long for a file name: its head, and a hash of the whole.
    return Bytes(name.prefix(nameLimit - 18)) + Array("\\#".utf8) + hash(argument)
  }

  private static let nameLimit = 255

  /// FNV-1a as 16 hexadecimal digits: the same on every machine and in every run.
  private static func hash(_ bytes: Bytes) -> Bytes {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    let digits = String(value, radix: 16)
    return Array((String(repeating: "0", count: 16 - digits.count) + digits).utf8)
  }
}
