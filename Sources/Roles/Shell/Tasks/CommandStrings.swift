// argv and envp as execve wants them: one block of memory, freed with this object.

final class CommandStrings {
  private let block: UnsafeMutablePointer<CChar>
  private let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

  /// Nil if a string contains NUL, which can't be passed on.
  init?(_ strings: [[UInt8]]) {
    guard !strings.contains(where: { $0.contains(0) }) else { return nil }
    let size = strings.reduce(0) { $0 + $1.count + 1 }
    block = .allocate(capacity: max(1, size))
    pointers = .allocate(capacity: strings.count + 1)
    var next = block
    for (index, string) in strings.enumerated() {
      pointers[index] = next
      for byte in string {
        next.pointee = CChar(bitPattern: byte)
        next += 1
      }
      next.pointee = 0
      next += 1
    }
    pointers[strings.count] = nil
  }

  var array: UnsafePointer<UnsafeMutablePointer<CChar>?> { UnsafePointer(pointers) }

  deinit {
    pointers.deallocate()
    block.deallocate()
  }
}
