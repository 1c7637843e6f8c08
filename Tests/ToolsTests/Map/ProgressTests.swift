import Testing

@testable import rpcv

@Suite("Progress")
struct ProgressTests {
  /// `rate` jobs a second, one after the other.
  private func model(_ done: Int, rate: Int, total: Int? = nil) -> (ProgressModel, Duration) {
    var model = ProgressModel()
    model.total = total
    model.made = done + 4
    model.running = 4
    for index in 1...max(done, 1) where done > 0 {
      model.ended(.exited(0), at: .milliseconds(1000 * index / rate))
    }
    return (model, .milliseconds(1000 * done / rate))
  }

  @Test func countsRateAndTimeLeft() {
    let (model, now) = model(120, rate: 10, total: 240)
    #expect(model.line(at: now, width: 50) == "120/240 done, 4 running, 10.0/s, 12.0 s left")
    #expect(
      model.line(at: now, width: 80)
        == "[###############...............] 120/240 done, 4 running, 10.0/s, 12.0 s left")
    #expect(model.line(at: now, width: 20) == "120/240 done, 10.0/s")
    #expect(model.line(at: now, width: 3) == "120")
  }

  @Test func anUnknownTotalHasNoTimeLeft() {
    let (model, now) = model(20, rate: 10)
    #expect(model.line(at: now, width: 80) == "20/24+ done, 4 running, 10.0/s")
    #expect(model.timeLeft(at: now) == nil)
    #expect(ProgressModel().line(at: .zero, width: 80) == "0/0+ done, 0 running")
  }

  @Test func theRateIsThatOfTheRecentPast() throws {
    var (model, _) = model(600, rate: 10, total: 1000)
    for index in 1...60 { model.ended(.exited(1), at: .seconds(60 + index)) }
    let rate = try #require(model.rate(at: .seconds(120)))
    #expect(abs(rate - 1) < 0.1)
    #expect(model.failed == 60)
    #expect(model.line(at: .seconds(120), width: 79).contains("60 failed"))
  }

  @Test func theSummary() {
    let (model, now) = model(120, rate: 10, total: 120)
    #expect(model.summary(at: now) == "120 calls in 12.0 s (10.0/s)")
    var one = ProgressModel()
    one.ended(.exited(2), at: .milliseconds(500))
    #expect(one.summary(at: .milliseconds(500)) == "1 call, 1 failed in 500 ms (2.0/s)")
  }

  @Test func fiveFramesASecondAndNoneInAPipe() {
    let (model, _) = model(1, rate: 1)
    var painter = ProgressPainter(isOn: true)
    let frames = (0..<1000).filter {
      painter.frame(model, at: .milliseconds($0), width: 80) != nil
    }
    #expect(frames == [0, 200, 400, 600, 800])
    #expect(text(painter.clear()) == "\r\u{1b}[K")
    #expect(painter.clear().isEmpty)
    #expect(painter.frame(model, at: .milliseconds(1000), width: 80) != nil)
    var silent = ProgressPainter(isOn: false)
    #expect(silent.frame(model, at: .zero, width: 80) == nil)
    #expect(silent.clear().isEmpty)
  }
}
