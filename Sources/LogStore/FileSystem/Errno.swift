#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The system's words for an errno, with the number for those who look it up.
public func errnoText(_ code: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  guard describeErrno(code, &buffer) else { return "errno \(code)" }
  let text = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
  return "\(String(decoding: text, as: UTF8.self)) (errno \(code))"
}

private func describeErrno(_ code: Int32, _ buffer: inout [CChar]) -> Bool {
  strerror_r(code, &buffer, buffer.count) == 0
}

/// The codes that this package looks at or injects, so that no other file imports the C library.
public enum Errno {
  public static let noEntry = ENOENT
  public static let exists = EEXIST
  public static let isDirectory = EISDIR
  public static let notDirectory = ENOTDIR
  public static let badDescriptor = EBADF
  public static let invalid = EINVAL
  public static let tooLarge = EFBIG
  public static let wouldBlock = EWOULDBLOCK
  public static let inputOutput = EIO
  public static let noSpace = ENOSPC
  public static let quota = EDQUOT
  public static let tooManyFiles = EMFILE
  public static let readOnly = EROFS
  public static let denied = EACCES
  public static let noMemory = ENOMEM
  public static let interrupted = EINTR
  public static let notSupported = EOPNOTSUPP
}
