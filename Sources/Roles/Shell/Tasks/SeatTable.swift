/// The numbers from 1 that running tasks hold, each the least that was free when its task started:
/// what `{%}` of `rpcv map`, and RPCV_SLOT in a task's environment, stand for.
struct SeatTable {
  private var taken: [Bool] = []
  /// All below this index are taken.
  private var lowest = 0

  mutating func take() -> Int {
    while lowest < taken.count, taken[lowest] { lowest += 1 }
    if lowest == taken.count { taken.append(true) } else { taken[lowest] = true }
    lowest += 1
    return lowest
  }

  mutating func free(_ seat: Int) {
    guard taken.indices.contains(seat - 1) else { return }
    taken[seat - 1] = false
    lowest = min(lowest, seat - 1)
  }
}
