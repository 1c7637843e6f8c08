// What a test asks the simulated disk to do wrong, and the record of what was done.

/// Fails an operation with an errno. Without `operation` and `pathSuffix` it counts all operations.
public struct DiskFault: Hashable, Sendable {
  /// Nil: any.
  public var operation: FileOperation?
  /// Only of files whose path, as it was opened, ends like this.
  public var pathSuffix: String?
  /// Lets so many matching operations pass first.
  public var after: Int
  public var code: Int32
  /// From then on, or once.
  public var isLasting: Bool

  public init(
    _ operation: FileOperation? = nil, pathSuffix: String? = nil, after: Int = 0, code: Int32,
    isLasting: Bool = false
  ) {
    self.operation = operation
    self.pathSuffix = pathSuffix
    self.after = after
    self.code = code
    self.isLasting = isLasting
  }

  func matches(_ operation: FileOperation, _ path: String) -> Bool {
    if let wanted = self.operation, wanted != operation { return false }
    if let pathSuffix, !path.hasSuffix(pathSuffix) { return false }
    return true
  }
}

/// One line of the simulated disk's log.
public struct DiskOperation: Hashable, Sendable, CustomStringConvertible {
  public var index: Int
  public var operation: FileOperation
  public var path: String
  public var offset: UInt64
  public var count: Int
  /// An errno that was injected or arose; 0 if the operation succeeded.
  public var code: Int32

  public var description: String {
    "\(index) \(operation.rawValue) \(path) at \(offset) count \(count)"
      + (code == 0 ? "" : ": \(errnoText(code))")
  }
}
