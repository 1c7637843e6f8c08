/// `-j`: how many jobs run at once, in the forms of GNU parallel.
enum JobCount: Equatable, Sendable {
  /// `-j 4`
  case fixed(Int)
  /// `-j 0`: as many as there are.
  case unbounded
  /// `-j 150%` of the cores.
  case percent(Double)
  /// `-j +2`, `-j -1`: more or fewer than the cores.
  case relative(Int)

  init(parsing text: String) throws(MapError) {
    let body = text.hasSuffix("%") ? text.dropLast() : text[...]
    if text.hasSuffix("%"), let share = Double(body), share > 0, share <= 1_000_000 {
      self = .percent(share)
    } else if let first = text.first, first == "+" || first == "-", let number = Int(text),
      text.dropFirst().allSatisfy(\.isASCIIDigit), abs(number) <= 1_000_000
    {
      self = .relative(number)
    } else if text.allSatisfy(\.isASCIIDigit), let number = Int(text), number <= 1_000_000 {
      self = number == 0 ? .unbounded : .fixed(number)
    } else {
      throw .usage("-j: '\(text)' is no number of jobs (4, 0, 50%, +2 and -1 are)")
    }
  }

  /// The number on a machine or grid with this many cores; nil is no bound. At least one.
  func resolved(cores: Int) -> Int? {
    switch self {
    case .fixed(let number): number
    case .unbounded: nil
    case .percent(let share): max(1, Int(Double(cores) * share / 100))
    case .relative(let number): max(1, cores + number)
    }
  }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { isASCII && isWholeNumber }
}
