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
  private let mark: String

  /// `mark` tells this run's unpacked trees from others' in the same folder.
  init(_ options: MapOptions, mark: String) {
    patterns = options.outputs
    self.mark = mark
  }

  var areWanted: Bool { !patterns.isEmpty }

  /// Brings the job's files; an embedded job left them in place. Returns the patterns that stand
  /// for no file at all.
  func bring(
    _ job: Job, _ files: Blob, _ parts: (Blob, (Bytes) throws -> Void) throws -> Void
  ) throws -> [String] {
    let globs = try patterns.map { try $0.glob(job) }
    guard files != .empty else {
      return globs.filter { glob in
        glob.literalPath.map { $0.withPath { access($0, F_OK) } != 0 } ?? false
      }.map(\.description)
    }
    let tree = ".rpcv-\(mark)-\(job.number).part"
    // An earlier run may have been killed here.
    try? TreeRemoval.remove(tree)
    guard mkdir(tree, 0o700) == 0 else { throw Failure.notWritten(reason(errno)) }
    defer { try? TreeRemoval.remove(tree) }
    do { try TreeArchive.unpack(files, into: tree, from: parts) } catch let error as FileTreeError {
      if case .system(let failure) = error { throw Failure.notWritten("\(failure)") }
      throw Failure.spoiled("\(error)")
    }
    var found = [Bool](repeating: false, count: globs.count)
    do throws(FileTreeError) {
      _ = try TreeMover.move(from: tree, to: ".") { path in
        var isWanted = false
        for (index, glob) in globs.enumerated() where glob.matches(path) {
          found[index] = true
          isWanted = true
        }
        return isWanted
      }
    } catch { throw Failure.notWritten("\(error)") }
    return zip(globs, found).filter { !$0.1 }.map(\.0.description)
  }
}
