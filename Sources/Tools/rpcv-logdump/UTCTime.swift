#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Milliseconds since 1970 as people write them: 2026-11-24T10:46:53Z.
struct UTCTime: CustomStringConvertible {
  var milliseconds: UInt64
  init(_ milliseconds: UInt64) { self.milliseconds = milliseconds }

  var description: String {
    let seconds = milliseconds / 1000
    // Days are counted from 1 March of the year 0, so that a leap day ends its year.
    let days = seconds / 86_400 + 719_468
    let era = days / 146_097
    let day = days % 146_097
    let yearOfEra = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    let date = "\(year)-\(two(month))-\(two(dayOfYear - (153 * shifted + 2) / 5 + 1))"
    return "\(date)T\(two(seconds / 3600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))Z"
  }

  private func two(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }

  static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(clamping: time.tv_sec) * 1000 + UInt64(clamping: time.tv_nsec / 1_000_000)
  }

  /// 2026-11-24, 2026-11-24T10:46, 2026-11-24T10:46:53, each with or without a Z: UTC all.
  init?(_ text: String) {
    let parts = (text.hasSuffix("Z") ? text.dropLast() : text[...]).split(
      separator: "T", omittingEmptySubsequences: false)
    guard let date = UTCTime.numbers(parts[0], "-", widths: [4, 2, 2]), parts.count <= 2,
      (1970...9999).contains(date[0]), (1...12).contains(date[1]), (1...31).contains(date[2])
    else { return nil }
    var seconds: UInt64 = 0
    if parts.count == 2 {
      guard
        let time = UTCTime.numbers(parts[1], ":", widths: [2, 2, 2])
          ?? UTCTime.numbers(parts[1], ":", widths: [2, 2]),
        time[0] < 24, time[1] < 60, time.count < 3 || time[2] < 60
      else { return nil }
      seconds = time[0] * 3600 + time[1] * 60 + (time.count == 3 ? time[2] : 0)
    }
    // The inverse of `description`.
    let year = date[1] <= 2 ? date[0] - 1 : date[0]
    let shifted = date[1] <= 2 ? date[1] + 9 : date[1] - 3
    let dayOfYear = (153 * shifted + 2) / 5 + date[2] - 1
    let yearOfEra = year % 400
    let days =
      year / 400 * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    guard days >= 719_468 else { return nil }
    self.init(((days - 719_468) * 86_400 + seconds) * 1000)
    // The 31st of a month that has none comes out as another day.
    guard description.hasPrefix(parts[0]) else { return nil }
  }

  private static func numbers(
    _ text: Substring, _ separator: Character, widths: [Int]
  ) -> [UInt64]? {
    let words = text.split(separator: separator, omittingEmptySubsequences: false)
    guard words.map(\.count) == widths else { return nil }
    let numbers = words.compactMap { word in
      word.allSatisfy { $0.isASCII && $0.isNumber } ? UInt64(word) : nil
    }
    return numbers.count == widths.count ? numbers : nil
  }
}
