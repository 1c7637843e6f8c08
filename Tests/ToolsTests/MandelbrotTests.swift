import Foundation
import Testing

@testable import rpcv

// The demo's task gives the same bytes on every machine and with every compiler: what a grid makes
// is compared with a local run byte for byte.

@Suite("The demo's task")
struct MandelbrotTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("examples/mandelbrot").path

  static let compilers = ["cc", "clang"].filter { name in
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
      .contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
  }

  private let view = """
    centre -0.7453 0.1127
    extent 0.02
    picture 8 4
    tiles 2 1
    iterations 500
    samples 2
    period 60
    colour 0 0 0 0
    colour 1 255 128 10

    """

  @Test(.enabled(if: !compilers.isEmpty, "no C compiler is on the PATH: skipped"))
  func tilesAreTheSameBytesEverywhere() throws {
    let scratch = try Scratch()
    let viewFile = text(try scratch.file("small.view", view))
    _ = try outputOf("/bin/bash", [Self.folder + "/build.sh", scratch.path])
    let tile = try outputOf(scratch.path + "/tile", [viewFile, "0"])
    let expected =
      "6d37047139046533043f20026f3804733a059d4f06894505"
      + "723904753b057c3f05442203743a05783c058643055d2f04"
    #expect(tile.starts(with: Data("P6\n4 4\n255\n".utf8)))
    #expect(tile.suffix(48).map { hex($0) }.joined() == expected)

    for index in 0...1 {
      _ = try outputOf(
        scratch.path + "/tile", [viewFile, "\(index)", scratch.path + "/\(index).ppm"])
    }
    _ = try outputOf(
      scratch.path + "/join",
      [viewFile, scratch.path + "/a.png", scratch.path + "/0.ppm", scratch.path + "/1.ppm"])
    let png = try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/a.png"))
    #expect(png.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]))
    #expect(png.suffix(8).starts(with: Data("IEND".utf8)))
  }

  private func hex(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }
}
