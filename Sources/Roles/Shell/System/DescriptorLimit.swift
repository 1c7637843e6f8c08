#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How many descriptors this process may have. The usual soft limit of 1024 is for programs that
/// use select(2); a coordinator with thousands of connections needs more, and its tasks get back
/// what it was given.
enum DescriptorLimit {
  #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  #else
    private static let resource = RLIMIT_NOFILE
  #endif

  /// As it was when it was first asked for: before `raise`.
  static let inherited: UInt64 = {
    var limit = rlimit()
    return getrlimit(resource, &limit) == 0
      ? UInt64(limit.rlim_cur) : 0
  }()

  /// To the hard limit, if the system lets it.
  static func raise() {
    _ = inherited
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0,
      limit.rlim_cur < limit.rlim_max
    else { return }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(resource, &limit)
  }
}
