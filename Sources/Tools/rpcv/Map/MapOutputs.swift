import Glibc
import RolesCore
import RolesShell

// `--out`: the files that a job's task left, brought to where the person is. A tree is unpacked
// beside them, whole and verified, before the first file moves to its place.

struct MapOutputs: Sendable {
  enum Failure: Error, CustomStringConvertible {
    /// What came is no proper tree: the job is to blame.
    case spoiled(String)
    /// It can't be written here.
    case notWritten(String)

    var description: String {
      switch self {
      case .spoiled(let reason): "its files can't be unpacked: \(reason)"
      case .notWritten(let reason): "its files can't be written here: \(reason)"
      }
    }
  }

  private let patterns: [FilePattern]
  private let inputs: [FilePattern]
  private let mark: String
  private let isEmbedded: Bool

  /// `mark` tells this run's unpacked trees from others' in the same folder. An embedded job leaves
  /// its files where they belong.
  init(_ options: MapOptions, mark: String, isEmbedded: Bool) {
    patterns = options.outputs
    inputs = options.inputs
    self.mark = mark
    self.isEmbedded = isEmbedded
  }

  var areWanted: Bool { !patterns.isEmpty }

  /// Brings the job's files. Returns the names (patterns without a wildcard) for which there is no
  /// file; a wildcard may stand for none.
  func bring(
    _ job: Job, _ files: Blob, _ parts: (Blob, (Bytes) throws -> Void) throws -> Void
  ) throws -> [String] {
    let globs = try patterns.map { try $0.glob(job) }
    if isEmbedded {
      return globs.compactMap(\.literalPath).filter { !Self.isThere($0) }.map { text($0) }
    }
    let found = files == .empty ? [] : try unpack(job, files, globs, parts)
    let sent = try inputs.map { try $0.path(job) }
    return globs.indices.compactMap { index in
      guard !found.contains(index), let path = globs[index].literalPath else { return nil }
      // An input that the job left as it was doesn't travel back.
      let isInput = sent.contains { path == $0 || path.starts(with: $0 + [UInt8(ascii: "/")]) }
      return isInput && Self.isThere(path) ? nil : text(path)
    }
  }

  private static func isThere(_ path: Bytes) -> Bool { path.withPath { access($0, F_OK) } == 0 }

  /// Which of the patterns stand for a file that came.
  private func unpack(
    _ job: Job, _ files: Blob, _ globs: [Glob],
    _ parts: (Blob, (Bytes) throws -> Void) throws -> Void
  ) throws -> Set<Int> {
    let tree = ".rpcv-\(mark)-\(job.number).part"
    // An earlier run may have been killed here.
    try? TreeRemoval.remove(tree)
    guard mkdir(tree, 0o700) == 0 else { throw Failure.notWritten(reason(errno)) }
    defer { try? TreeRemoval.remove(tree) }
    do { try TreeArchive.unpack(files, into: tree, from: parts) } catch let error as FileTreeError {
      if case .system(let failure) = error { throw Failure.notWritten("\(failure)") }
      throw Failure.spoiled("\(error)")
    }
    var found: Set<Int> = []
    do throws(FileTreeError) {
      _ = try TreeMover.move(from: tree, to: ".") { path in
        var isWanted = false
        for (index, glob) in globs.enumerated() where glob.matches(path) {
          found.insert(index)
          isWanted = true
        }
        return isWanted
      }
    } catch { throw Failure.notWritten("\(error)") }
    return found
  }
}
