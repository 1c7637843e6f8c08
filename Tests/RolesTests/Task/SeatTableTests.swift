import Testing

@testable import RolesShell

/// `{%}`: two tasks that run at once never have the same number, and none is above their count.
struct SeatTableTests {
  @Test func theLeastFreeNumberIsTaken() {
    var seats = SeatTable()
    #expect((0..<4).map { _ in seats.take() } == [1, 2, 3, 4])
    seats.free(3)
    seats.free(2)
    #expect(seats.take() == 2)
    #expect(seats.take() == 3)
    #expect(seats.take() == 5)
  }

  @Test func atRandom() {
    var seats = SeatTable()
    var held: Set<Int> = []
    var dice = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      if held.count < 16, Bool.random(using: &dice) {
        let seat = seats.take()
        #expect((1...held.count + 1).contains { !held.contains($0) } && !held.contains(seat))
        #expect(seat == (1...held.count + 1).first { !held.contains($0) })
        held.insert(seat)
      } else if let seat = held.randomElement(using: &dice) {
        held.remove(seat)
        seats.free(seat)
      }
    }
  }
}
