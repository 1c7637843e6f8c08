// The reserve on a real disk: an allocated file that is given up when the disk is full, so that
// what was accepted can still be written, and releases and retirements after it. Until it can be
// allocated again, the log refuses everything else. (Under a quota the reserve is arithmetic.)

extension Log {
  static let reserveFile = "reserve"

  /// Holds the reserve if it is wanted, and with it takes back that the log is full.
  func holdReserve(_ files: inout LogFiles) {
    if options.capacity != nil || options.reserve == 0 { files.reserve = .unwanted }
    if files.reserve == .released {
      let path = directory + "/" + Log.reserveFile
      do throws(FileError) {
        let handle = try openReserve(path)
        defer { fs.close(handle) }
        try fs.allocate(handle, to: options.reserve)
        files.reserve = .held
      } catch {
        if error.isFull {
          state.withLock { $0.fullness = .disk(error) }
          return
        }
        files.reserve = .unwanted
      }
    }
    state.withLock { $0.fullness = nil }
  }

  private func openReserve(_ path: String) throws(FileError) -> FileHandle {
    do throws(FileError) { return try fs.open(path, .update) } catch {
      guard error.isMissing else { throw error }
      return try fs.open(path, .create)
    }
  }

  /// Runs `body`; if it finds no space, once more with the reserve given up.
  func usingReserve(
    _ files: inout LogFiles, _ body: (inout LogFiles) throws(LogError) -> Void
  ) throws(LogError) {
    do throws(LogError) { try body(&files) } catch {
      guard case .full = error, files.reserve == .held, releaseReserve(&files) else { throw error }
      try body(&files)
    }
  }

  private func releaseReserve(_ files: inout LogFiles) -> Bool {
    files.reserve = .released
    do throws(FileError) {
      let handle = try fs.open(directory + "/" + Log.reserveFile, .update)
      defer { fs.close(handle) }
      try fs.truncate(handle, to: 0)
      return true
    } catch {
      return false
    }
  }
}
