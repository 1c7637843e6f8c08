// The state of a simulated disk and its operations, as one value: a copy of it is a photograph.
// Paths come in their one spelling; beside it goes the caller's spelling, for errors.

struct SimulatedState: Sendable {
  struct OpenFile: Sendable {
    var number: Int
    var path: String
    var isWritable: Bool
    var holdsLock = false
  }

  static let pageSize = UInt64(SimulatedPages.pageSize)

  var capacity: UInt64?
  var names = SimulatedNames()
  var files: [Int: SimulatedFile] = [:]
  var faults: [DiskFault] = []
  var usedPages = 0
  var operationCount = 0
  var log: [DiskOperation] = []
  /// Descending, the next one last.
  var photographsAt: [Int] = []
  var photographs: [SimulatedState] = []

  private let keepsLog: Bool
  private var openFiles: [Int: OpenFile] = [:]
  private var locked: Set<Int> = []
  var openFileCount: Int { openFiles.count }
  private var nextFile = 1
  /// Goes on through crashes, so that a handle of before never hits a file of after.
  private var nextHandle = 3

  init(capacity: UInt64?, keepsLog: Bool) {
    self.capacity = capacity
    self.keepsLog = keepsLog
  }

  // MARK: - Every operation

  mutating func perform<Result>(
    _ operation: FileOperation, _ path: String, _ offset: UInt64, _ count: Int,
    _ failing: (inout SimulatedState) -> Void,
    _ body: (inout SimulatedState) throws(FileError) -> Result
  ) throws(FileError) -> Result {
    while let next = photographsAt.last, next <= operationCount {
      photographsAt.removeLast()
      photographs.append(photograph())
    }
    let index = operationCount
    operationCount += 1
    var entry = DiskOperation(
      index: index, operation: operation, path: path, offset: offset, count: count, code: 0)
    do throws(FileError) {
      if let code = strike(operation, path) {
        failing(&self)
        throw FileError(operation, path, code)
      }
      let result = try body(&self)
      if keepsLog { log.append(entry) }
      return result
    } catch {
      entry.code = error.code
      if keepsLog { log.append(entry) }
      throw error
    }
  }

  private mutating func strike(_ operation: FileOperation, _ path: String) -> Int32? {
    guard !faults.isEmpty else { return nil }
    var code: Int32?
    for index in faults.indices where faults[index].matches(operation, path) {
      if faults[index].after > 0 {
        faults[index].after -= 1
      } else if code == nil {
        code = faults[index].code
        if !faults[index].isLasting { faults[index].after = Int.max }
      }
    }
    return code
  }

  // MARK: - Files

  mutating func open(
    _ path: String, _ shown: String, _ mode: OpenMode
  ) throws(FileError) -> FileHandle {
    let number: Int
    switch mode {
    case .read, .update: number = try existing(path, shown, .open)
    case .create:
      if names.entries[path] != nil || names.directories.contains(path) {
        throw FileError(.open, shown, Errno.exists)
      }
      number = try create(path, shown, .open)
    }
    return remember(number, shown, isWritable: mode != .read)
  }

  mutating func lock(_ path: String, _ shown: String) throws(FileError) -> FileHandle {
    let number =
      if names.entries[path] != nil || names.directories.contains(path) {
        try existing(path, shown, .lock)
      } else {
        try create(path, shown, .lock)
      }
    guard locked.insert(number).inserted else {
      throw FileError(.lock, shown, Errno.wouldBlock)
    }
    let handle = remember(number, shown, isWritable: true)
    openFiles[handle.value]?.holdsLock = true
    return handle
  }

  mutating func close(_ file: FileHandle) {
    guard let open = openFiles.removeValue(forKey: file.value) else { return }
    if open.holdsLock { locked.remove(open.number) }
    freeIfUnused(open.number)
  }

  func path(of file: FileHandle) -> String {
    openFiles[file.value]?.path ?? "closed file \(file.value)"
  }

  func file(
    of handle: FileHandle, _ operation: FileOperation, writing: Bool = false
  ) throws(FileError) -> Int {
    guard let open = openFiles[handle.value] else {
      throw FileError(operation, path(of: handle), Errno.badDescriptor)
    }
    if writing && !open.isWritable {
      // As Linux has it: pwrite says EBADF, ftruncate EINVAL, fallocate EBADF.
      let code = operation == .truncate ? Errno.invalid : Errno.badDescriptor
      throw FileError(operation, open.path, code)
    }
    return open.number
  }

  mutating func write(
    _ handle: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64
  ) throws(FileError) {
    let number = try file(of: handle, .write, writing: true)
    guard offset <= UInt64(Int64.max) - UInt64(bytes.count) else {
      throw FileError(.write, path(of: handle), Errno.tooLarge)
    }
    // What fits arrives before the error, as with write(2).
    var fitting = bytes.count
    while true {
      let end = offset + UInt64(fitting)
      let missing = files[number]?.cache.missingPages(from: offset, to: end) ?? 0
      if missing <= freePages {
        usedPages += missing
        break
      }
      fitting -= min(fitting, SimulatedPages.sectorSize)
    }
    files[number]?.write(UnsafeRawBufferPointer(rebasing: bytes[..<fitting]), at: offset)
    if fitting < bytes.count { throw FileError(.write, path(of: handle), Errno.noSpace) }
  }

  mutating func truncate(_ handle: FileHandle, to length: UInt64) throws(FileError) {
    let number = try file(of: handle, .truncate, writing: true)
    guard length <= UInt64(Int64.max) else {
      throw FileError(.truncate, path(of: handle), Errno.tooLarge)
    }
    let before = files[number]?.cache.reservedPages ?? 0
    files[number]?.truncate(to: length)
    usedPages -= before - (files[number]?.cache.reservedPages ?? 0)
  }

  mutating func allocate(_ handle: FileHandle, to length: UInt64) throws(FileError) {
    let number = try file(of: handle, .allocate, writing: true)
    guard length <= UInt64(Int64.max) else {
      throw FileError(.allocate, path(of: handle), Errno.tooLarge)
    }
    guard let file = files[number], length > file.size else { return }
    let missing = file.cache.missingPages(from: file.size, to: length)
    guard missing <= freePages else {
      throw FileError(.allocate, path(of: handle), Errno.noSpace)
    }
    usedPages += missing
    files[number]?.allocate(to: length)
  }

  mutating func flip(bit: UInt64, of path: String) throws(FileError) {
    let number = try existing(path, path, .write)
    files[number]?.flip(bit: bit)
  }

  func contents(of path: String) -> [UInt8]? {
    guard let number = names.entries[path], let file = files[number] else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(file.size))
    _ = bytes.withUnsafeMutableBytes { file.read(into: $0, at: 0) }
    return bytes
  }

  func contents(of path: String, from offset: UInt64, count: Int) -> [UInt8]? {
    guard let number = names.entries[path], let file = files[number] else { return nil }
    guard count > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
    }
  }

  mutating func addFile() -> Int {
    let number = nextFile
    nextFile += 1
    files[number] = SimulatedFile()
    return number
  }

  private mutating func remember(
    _ number: Int, _ path: String, isWritable: Bool
  ) -> FileHandle {
    let handle = nextHandle
    nextHandle += 1
    openFiles[handle] = OpenFile(number: number, path: path, isWritable: isWritable)
    return FileHandle(handle)
  }

  // MARK: - Space and lost files

  private var freePages: Int {
    guard let capacity else { return Int.max }
    return max(0, Int(capacity / Self.pageSize) - usedPages)
  }

  /// Gives the space of a file back that has no name and that nobody has open.
  mutating func freeIfUnused(_ number: Int) {
    guard let file = files[number], !isUsed(number) else { return }
    usedPages -= file.cache.reservedPages
    files[number]?.releaseCache()
  }

  /// Drops the files that no crash can bring back.
  mutating func forgetLostFiles() {
    var kept = Set(names.entries.values)
    kept.formUnion(names.durable.values)
    kept.formUnion(openFiles.values.map(\.number))
    for change in names.pending {
      switch change {
      case .made(_, let file), .renamed(_, _, let file): kept.insert(file)
      case .removed: break
      }
    }
    if kept.count < files.count { files = files.filter { kept.contains($0.key) } }
  }

  private func isUsed(_ number: Int) -> Bool {
    names.entries.values.contains(number) || openFiles.values.contains { $0.number == number }
  }

  // MARK: - Copies

  /// After the death of the process.
  func killed() -> SimulatedState {
    var image = photograph()
    image.faults = []
    image.photographsAt = []
    image.operationCount = 0
    let open = Set(image.openFiles.values.map(\.number)).sorted()
    image.openFiles = [:]
    image.locked = []
    for number in open { image.freeIfUnused(number) }
    return image
  }

  /// After a power cut.
  func crashed(seed: UInt64) -> SimulatedState {
    var image = SimulatedState(capacity: capacity, keepsLog: keepsLog)
    image.nextFile = nextFile
    image.nextHandle = nextHandle
    let entries = CrashImage.names(names, seed: seed)
    image.names = SimulatedNames(surviving: entries, directories: names.directories)
    for number in entries.values {
      guard let file = files[number] else { continue }
      let left = CrashImage.file(file, number: number, seed: seed)
      image.files[number] = left
      image.usedPages += left.cache.reservedPages
    }
    return image
  }

  /// With nothing but what was synced.
  func certain() -> SimulatedState {
    var image = SimulatedState(capacity: capacity, keepsLog: false)
    image.nextFile = nextFile
    image.nextHandle = nextHandle
    image.names = SimulatedNames(surviving: names.durable, directories: names.directories)
    for number in names.durable.values {
      guard let file = files[number] else { continue }
      image.files[number] = SimulatedFile(durable: file.durable, size: file.durableSize)
    }
    return image
  }

  private func photograph() -> SimulatedState {
    var copy = self
    copy.photographs = []
    copy.log = []
    return copy
  }
}
