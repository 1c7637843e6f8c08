import Glibc
import LogStore
import RolesCore
import RolesShell

// `--in`: the files that a job's task finds in its folder. They are looked for before anything is
// submitted, as far as the jobs are known then, and travel as one file tree a job; jobs with the
// same files share one.

final class MapInputs {
  private let patterns: [FilePattern]
  private let sources: [SourceGroup]
  private let sequence: JobSequence.Options
  private var packed: [[Bytes]: Blob] = [:]
  /// How many trees are remembered: those of jobs with files of their own are used once.
  private static let remembered = 256

  init(_ options: MapOptions) {
    patterns = options.inputs
    sources = options.sources
    sequence = options.sequence
  }

  /// Looks for the files of every job whose arguments can be read twice.
  func checkAhead() throws {
    guard !patterns.isEmpty, sources.flatMap(\.columns).allSatisfy(\.canBeReadTwice) else { return }
    let jobs = try JobSequence(sources, options: sequence)
    var seen: Set<Bytes> = []
    while let job = try jobs.next() { try check(job, &seen) }
  }

  func check(_ job: Job) throws {
    var seen: Set<Bytes> = []
    try check(job, &seen)
  }

  private func check(_ job: Job, _ seen: inout Set<Bytes>) throws {
    for pattern in patterns {
      let path = try pattern.path(job)
      guard seen.insert(path).inserted else { continue }
      if path.withPath({ access($0, R_OK) }) != 0 {
        throw Self.missing(path, job, reason(errno))
      }
    }
  }

  private static func missing(_ path: Bytes, _ job: Job, _ reason: String) -> MapError {
    .file("job \(job.number), --in '\(text(path))': \(reason)")
  }

  /// The job's files as a tree, durable in `archives`; empty if it has none.
  func pack(_ job: Job, into archives: ArchiveStore) throws -> Blob {
    guard !patterns.isEmpty else { return .empty }
    var paths: [Bytes] = []
    // What stands in a folder that travels whole is named once.
    for path in try patterns.map({ try $0.path(job) }).sorted(by: { $0.count < $1.count })
    where !paths.contains(where: { path == $0 || path.starts(with: $0 + [UInt8(ascii: "/")]) }) {
      paths.append(path)
    }
    if let known = packed[paths] { return known }
    let files = paths.map { TreeSource(path: text($0), name: text($0)) }
    let blob: Blob
    do throws(FileTreeError) {
      blob = try TreeArchive.store(in: archives) { sink throws(FileTreeError) in
        try TreePacker.pack(files, to: sink)
      }.blob
    } catch { throw MapError.file("job \(job.number), --in: \(error)") }
    if case .archive = blob { try archives.log.commit() }
    if packed.count < Self.remembered { packed[paths] = blob }
    return blob
  }
}

extension SourceSpec {
  /// Not so for standard input and pipes.
  fileprivate var canBeReadTwice: Bool {
    switch self {
    case .values: return true
    case .file(let path):
      var status = stat()
      guard path != [UInt8(ascii: "-")], path.withPath({ stat($0, &status) }) == 0 else {
        return false
      }
      return status.st_mode & S_IFMT == S_IFREG
    }
  }
}
