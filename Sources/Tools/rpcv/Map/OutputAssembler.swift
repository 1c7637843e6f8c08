/// Decides when the output of a job is printed: at once when it is whole, or with `-k` in the order
/// of the jobs. It holds no output itself, only what tells where that is (a blob, a handle): a
/// result waits in the grid until it is collected, so nothing is spilled here.
struct OutputAssembler<Output: Sendable>: Sendable {
  let keepsOrder: Bool
  /// How far ahead of the oldest missing job another may be started with -k: bounds what waits.
  let window: Int
  private var waiting: [Int: Output?] = [:]
  private(set) var oldestMissing = 1

  init(keepsOrder: Bool, window: Int = 10_000) {
    self.keepsOrder = keepsOrder
    self.window = window
  }

  /// Takes a job's output and returns what may be printed now, in order.
  mutating func finished(_ number: Int, _ output: Output) -> [(number: Int, output: Output)] {
    guard keepsOrder else { return [(number, output)] }
    return take(number, output)
  }

  /// The job gives no output (it was cancelled, or never finished): nobody waits for it.
  mutating func skipped(_ number: Int) -> [(number: Int, output: Output)] {
    keepsOrder ? take(number, nil) : []
  }

  /// At the end of a halted run: what is held behind jobs that will not come, in order.
  mutating func drain() -> [(number: Int, output: Output)] {
    let rest = waiting.sorted { $0.key < $1.key }
    waiting = [:]
    if let last = rest.last { oldestMissing = last.key + 1 }
    return rest.compactMap { number, output in output.map { (number, $0) } }
  }

  /// Back-pressure for the generator of jobs.
  func mayStart(_ number: Int) -> Bool { !keepsOrder || number - oldestMissing < window }

  var waitingCount: Int { waiting.count }

  private mutating func take(_ number: Int, _ output: Output?)
    -> [(number: Int, output: Output)]
  {
    guard number >= oldestMissing else { return [] }
    waiting[number] = .some(output)
    var ready: [(Int, Output)] = []
    while let next = waiting.removeValue(forKey: oldestMissing) {
      if let next { ready.append((oldestMissing, next)) }
      oldestMissing += 1
    }
    return ready
  }
}
