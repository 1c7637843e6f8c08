#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How large a disk is, for those who choose sizes in proportion to it.
enum DiskSize {
  /// Bytes that the file system of `path` has in all, free or not; the greatest number if it
  /// doesn't say.
  static func ofDisk(holding path: String) -> UInt64 {
    var status = statvfs()
    guard statvfs(path, &status) == 0, status.f_frsize > 0 else { return .max }
    let (size, overflow) = UInt64(status.f_blocks)
      .multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflow || size == 0 ? .max : size
  }
}
