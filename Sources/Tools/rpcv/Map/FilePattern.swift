/// `--in FILE` and `--out PATTERN`: which files travel to a task and back. Both may hold the
/// command's placeholders. A pattern of --out may also hold `*`, `?` and `[...]`, which no argument
/// that is filled in gets a meaning from, and `**` for any depth.
///
/// Paths are relative to the current folder, and the task finds and leaves its files under the same
/// names in its scratch folder; a path that leads out of it is refused.
struct FilePattern: Equatable, Sendable {
  enum Use: String, Sendable {
    case input = "--in"
    case output = "--out"
  }

  let use: Use
  private let template: Template

  init(_ source: Bytes, _ use: Use) throws(MapError) {
    guard !source.isEmpty else { throw .usage("\(use.rawValue): the file name is empty") }
    self.use = use
    template = try Template(parsing: source)
  }

  /// The path of an input file of this job.
  func path(_ job: Job) throws(MapError) -> Bytes {
    let path = template.expand(job)
    try check(path, job)
    return Self.normalised(path)
  }

  /// The pattern that this job's output files must match.
  func glob(_ job: Job) throws(MapError) -> Glob {
    try check(template.expand(job), job)
    return Glob(Self.normalised(template.expand(job, transform: Glob.escape)))
  }

  private func check(_ path: Bytes, _ job: Job) throws(MapError) {
    let reason: String?
    let components = path.split(separator: UInt8(ascii: "/"))
    if components.allSatisfy({ $0 == [UInt8(ascii: ".")] }) {
      reason = "it names no file"
    } else if path.first == UInt8(ascii: "/") {
      reason = "only files below the current folder travel; give a relative path"
    } else if components.contains(Array("..".utf8)[...]) {
      reason = "'..' leads out of the folder that travels"
    } else {
      reason = path.contains(0) ? "a NUL byte in the name" : nil
    }
    if let reason {
      throw .file("job \(job.number), \(use.rawValue) '\(text(path))': \(reason)")
    }
  }

  /// Without empty components and `.`.
  private static func normalised(_ path: Bytes) -> Bytes {
    Bytes(
      path.split(separator: UInt8(ascii: "/")).filter { $0 != [UInt8(ascii: ".")] }
        .joined(separator: [UInt8(ascii: "/")]))
  }
}
