// The simulated disk's operations on names: what POSIX says of files and directories, with the
// errno of each refusal. Paths come in their one spelling; `shown` is the caller's, for errors.

extension SimulatedState {

  mutating func rename(
    _ path: String, _ shown: String, to target: String
  ) throws(FileError) {
    let number = try existing(path, shown, .rename)
    if names.directories.contains(target) {
      throw FileError(.rename, shown, Errno.isDirectory)
    }
    try requireParent(of: target, shown, .rename)
    if path == target { return }
    let replaced = names.entries[target]
    names.rename(path, to: target, file: number)
    if let replaced { freeIfUnused(replaced) }
  }

  mutating func remove(_ path: String, _ shown: String) throws(FileError) {
    let number = try existing(path, shown, .remove)
    names.remove(path)
    freeIfUnused(number)
  }

  mutating func makeDirectory(_ path: String, _ shown: String) throws(FileError) {
    if names.directories.contains(path) { return }
    if names.entries[path] != nil {
      throw FileError(.makeDirectory, shown, Errno.notDirectory)
    }
    try makeDirectory(parentDirectory(of: path), shown)
    names.makeDirectory(path)
  }

  func requireDirectory(
    _ path: String, _ shown: String, _ operation: FileOperation
  ) throws(FileError) {
    if names.directories.contains(path) { return }
    try requireParent(of: path, shown, operation)
    let isFile = names.entries[path] != nil
    throw FileError(operation, shown, isFile ? Errno.notDirectory : Errno.noEntry)
  }

  private func requireParent(
    of path: String, _ shown: String, _ operation: FileOperation
  ) throws(FileError) {
    let parent = parentDirectory(of: path)
    if names.directories.contains(parent) { return }
    let isFile = names.entries[parent] != nil
    throw FileError(operation, shown, isFile ? Errno.notDirectory : Errno.noEntry)
  }

  func existing(
    _ path: String, _ shown: String, _ operation: FileOperation
  ) throws(FileError) -> Int {
    if let number = names.entries[path] { return number }
    if names.directories.contains(path) {
      throw FileError(operation, shown, Errno.isDirectory)
    }
    try requireParent(of: path, shown, operation)
    throw FileError(operation, shown, Errno.noEntry)
  }

  mutating func create(
    _ path: String, _ shown: String, _ operation: FileOperation
  ) throws(FileError) -> Int {
    try requireParent(of: path, shown, operation)
    let number = addFile()
    names.make(path, file: number)
    return number
  }
}
