// The clock of the shell: monotonic time for limits; wall time is for people only.

import ReplicationCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public enum MonotonicClock {
  public static func now() -> Instant { Instant(nanoseconds: nanoseconds(CLOCK_MONOTONIC)) }

  /// Milliseconds since 1970.
  public static func wallMilliseconds() -> UInt64 { nanoseconds(CLOCK_REALTIME) / 1_000_000 }

  /// Since the machine started, suspension included, in the kernel's ticks of 10 ms: what /proc
  /// tells as a process's start.
  static func bootTicks() -> UInt64 { nanoseconds(CLOCK_BOOTTIME) / 10_000_000 }

  private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
