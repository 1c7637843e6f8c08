// A system call that failed, with errno: the plain error below the shell's typed ones.

import LogStore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public struct SystemFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was tried, on what.
  public var what: String
  public var code: Int32

  public init(_ what: String, code: Int32 = errno) {
    self.what = what
    self.code = code
  }

  public var description: String { "\(what): \(errnoText(code))" }
}

/// Calls again while a signal interrupts; the result is -1 with errno, or what the call gave.
func uninterrupted<Value: BinaryInteger>(_ call: () -> Value) -> Value {
  while true {
    let value = call()
    if value != -1 || errno != EINTR { return value }
  }
}
