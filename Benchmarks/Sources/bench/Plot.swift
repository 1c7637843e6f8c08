import Foundation
import Measuring

// The steady stream as a picture: latencies above (a logarithmic axis), bytes on the disk below,
// over the same seconds. Plain SVG.

struct Plot {
  private let seconds: [Steady.Second]
  private let size: UInt64
  private static let (left, width, height, gap) = (70.0, 900.0, 220.0, 60.0)

  init(of seconds: [Steady.Second], _ size: UInt64) {
    self.seconds = seconds
    self.size = size
  }

  func write(to path: String) throws {
    do { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) } catch {
      throw BenchError("can't write \(path): \(error)")
    }
  }

  private var text: String {
    let rounds = seconds.map { second in
      var round = Round()
      round.latencies = second.latencies
      return round
    }
    let total = (Self.left + Self.width + 130, 2 * Self.height + 3 * Self.gap)
    var svg = "<svg xmlns='http://www.w3.org/2000/svg' width='\(Int(total.0))' "
    svg += "height='\(Int(total.1))' font-family='sans-serif' font-size='12'>\n"
    svg += "<rect width='100%' height='100%' fill='white'/>\n"
    let latency = Panel(top: Self.gap, title: "latency of a call, ms (1 s each)") {
      // From 0.1 ms to 10 s.
      (log10(max($0, 0.1)) + 1) / 5
    }
    svg += latency.frame([0.1, 1, 10, 100, 1000, 10000].map { ($0, "\($0.formatted())") })
    for (share, color, name) in [(0.5, "#1f77b4", "p50"), (0.99, "#d62728", "p99")] {
      svg += latency.line(rounds.map { $0.percentile(share) / 1e6 }, color, name)
    }
    let most = Double(size) / Double(1 << 20)
    let bytes = Panel(top: Self.height + 2 * Self.gap, title: "MiB on the coordinator's disk") {
      $0 / most
    }
    svg += bytes.frame((0...4).map { (most * Double($0) / 4, "\(Int(most * Double($0) / 4))") })
    let mebi = Double(1 << 20)
    svg += bytes.line(seconds.map { Double($0.usedBytes) / mebi }, "#7f7f7f", "disk used")
    svg += bytes.line(
      seconds.map { $0.log.map { Double($0.all) / mebi } ?? .nan }, "#ff7f0e", "log")
    svg += bytes.line(
      seconds.map { $0.log.map { Double($0.live) / mebi } ?? .nan }, "#2ca02c", "live")
    svg += axis(Self.gap + Self.height + Self.gap + Self.height)
    return svg + "</svg>\n"
  }

  private func axis(_ bottom: Double) -> String {
    var svg = ""
    for minute in 0...(seconds.count / 60) {
      let x = Self.left + Self.width * Double(minute * 60) / Double(max(seconds.count, 1))
      svg += "<text x='\(x)' y='\(bottom + 18)' text-anchor='middle'>\(minute)</text>\n"
    }
    return svg + "<text x='\(Self.left + Self.width + 10)' y='\(bottom + 18)'>min</text>\n"
  }

  private struct Panel {
    var top: Double
    var title: String
    /// From a value to its place between 0 (below) and 1 (above).
    var place: (Double) -> Double

    func y(_ value: Double) -> Double {
      top + Plot.height * (1 - min(max(place(value), 0), 1))
    }

    func frame(_ marks: [(Double, String)]) -> String {
      var svg = "<text x='\(Plot.left)' y='\(top - 10)' font-weight='bold'>\(title)</text>\n"
      for (value, label) in marks {
        svg += "<line x1='\(Plot.left)' x2='\(Plot.left + Plot.width)' y1='\(y(value))' "
        svg += "y2='\(y(value))' stroke='#dddddd'/>\n"
        svg += "<text x='\(Plot.left - 8)' y='\(y(value) + 4)' text-anchor='end'>"
        svg += "\(label)</text>\n"
      }
      return svg
    }

    /// Values that are missing leave a gap.
    func line(_ values: [Double], _ color: String, _ name: String) -> String {
      var path = ""
      var isDown = false
      var last = top
      for (index, value) in values.enumerated() {
        guard !value.isNaN else {
          isDown = false
          continue
        }
        let x = Plot.left + Plot.width * Double(index) / Double(max(values.count, 1))
        last = y(value)
        path += "\(isDown ? "L" : "M")\(String(format: "%.1f %.1f", x, last))"
        isDown = true
      }
      return "<path d='\(path)' fill='none' stroke='\(color)'/>\n"
        + "<text x='\(Plot.left + Plot.width + 8)' y='\(last + 4)' fill='\(color)'>"
        + "\(name)</text>\n"
    }
  }
}
