import Testing

@testable import ReplicationCore

@Suite struct FaultDetectorTests {
  private func at(_ seconds: Double) -> Instant {
    Instant(nanoseconds: UInt64((100 + seconds) * 1e9))
  }

  /// Asks once a second and looks.
  private func ask(
    _ detector: inout FaultDetector, _ route: String, seconds: ClosedRange<Int>
  ) -> Int? {
    for second in seconds {
      detector.asked(route, at: at(Double(second)))
      if !detector.check([route], at: at(Double(second) + 0.5)).isEmpty { return second }
    }
    return nil
  }

  @Test func silenceBecomesSuspicionAfterTheTimeout() {
    var detector = FaultDetector(timeout: .seconds(10), firstTimeout: .seconds(3))
    _ = detector.heard("b", at: at(0))
    expect(ask(&detector, "b", seconds: 1...30), equals: 11)
    #expect(detector.isSuspected("b"))
    expect(detector.check(["b"], at: at(12)).isEmpty, "told once")
  }

  @Test func whoNeverAnsweredIsSuspectedSooner() {
    var detector = FaultDetector(timeout: .seconds(10), firstTimeout: .seconds(3))
    expect(ask(&detector, "b", seconds: 1...30), equals: 4)
  }

  @Test func whoIsNotAskedIsNotSuspected() {
    var detector = FaultDetector()
    _ = detector.heard("b", at: at(0))
    for second in 1...100 { expect(detector.check(["b"], at: at(Double(second))).isEmpty) }
  }

  @Test func oneLostMessageIsNoSuspicion() {
    var detector = FaultDetector()
    _ = detector.check([], at: at(0))
    detector.asked("b", at: at(0))
    for second in 1...100 { expect(detector.check(["b"], at: at(Double(second))).isEmpty) }
  }

  @Test func anAnswerTakesTheSuspicionBack() {
    var detector = FaultDetector()
    expect(detector.suspect("b"))
    expect(!detector.suspect("b"))
    expect(detector.heard("b", at: at(1)))
    #expect(!detector.isSuspected("b"))
    expect(!detector.heard("b", at: at(2)))
    // And the waiting begins anew.
    expect(ask(&detector, "b", seconds: 3...30), equals: 13)
  }

  /// F11: the process was stopped; what it did not hear meanwhile says nothing.
  @Test func ownPauseIsNotTheirSilence() {
    var detector = FaultDetector()
    _ = detector.heard("b", at: at(0))
    _ = ask(&detector, "b", seconds: 1...3)
    expect(detector.check(["b"], at: at(600)).isEmpty)
    expect(ask(&detector, "b", seconds: 601...640), equals: 610)
  }
}
