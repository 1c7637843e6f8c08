// Quantities for people: short, with a unit, the same everywhere. What machines read (--json, the
// joblog) has plain numbers instead.

enum Format {
  /// `850 ms`, `12.3 s`, `4m05s`, `3h12m`, `2d04h`.
  static func duration(_ duration: Duration) -> String {
    let milliseconds = max(duration / .milliseconds(1), 0)
    if milliseconds < 999.5 { return "\(Int(milliseconds.rounded())) ms" }
    if milliseconds < 59_950 { return tenths(milliseconds / 1000) + " s" }
    let seconds = Int(min((milliseconds / 1000).rounded(), 1e15))
    if seconds < 3600 { return "\(seconds / 60)m\(twoDigits(seconds % 60))s" }
    let minutes = seconds / 60
    if minutes < 24 * 60 { return "\(minutes / 60)h\(twoDigits(minutes % 60))m" }
    return "\(minutes / 1440)d\(twoDigits(minutes / 60 % 24))h"
  }

  /// `512 B`, `1.5 KiB`, `64.0 MiB`.
  static func size(_ bytes: UInt64) -> String {
    if bytes < 1024 { return "\(bytes) B" }
    var value = Double(bytes) / 1024
    for unit in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
      if value < 1023.95 { return tenths(value) + " " + unit }
      value /= 1024
    }
    return tenths(value) + " EiB"
  }

  /// `1,234/s`, `12.3/s`, `4.0/min`, `2.5/h`.
  static func rate(_ perSecond: Double) -> String {
    if perSecond >= 100 { return count(Int(min(perSecond, 1e15).rounded())) + "/s" }
    if perSecond >= 0.95 { return tenths(perSecond) + "/s" }
    if perSecond * 60 >= 0.95 { return tenths(perSecond * 60) + "/min" }
    return tenths(max(perSecond, 0) * 3600) + "/h"
  }

  /// `12,345`.
  static func count(_ number: Int) -> String {
    let digits = String(number.magnitude)
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return number < 0 ? "-" + result : result
  }

  /// One decimal.
  private static func tenths(_ value: Double) -> String {
    let tenths = Int((min(value, 1e15) * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  private static func twoDigits(_ number: Int) -> String {
    number < 10 ? "0\(number)" : String(number)
  }
}

extension Duration {
  var inSeconds: Double { self / .seconds(1) }
}
