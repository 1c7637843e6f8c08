import Foundation
import Measuring

// What is measured, and how often; flags of the form --name=value.

struct Workload {
  /// Every call carries these bytes and brings them back.
  static let argument = Array("sixteen bytes...".utf8)

  var rpcv = ".build-release/release/rpcv"
  var logdump: String {
    URL(fileURLWithPath: rpcv).deletingLastPathComponent().path + "/rpcv-logdump"
  }
  /// On the disk that is measured, not in memory.
  var directory = ".build-bench/state"
  var calls = 20_000
  var inFlight = 64
  var blocking = 1_000
  var chained = 100
  var jobs = 2_000
  var slots = 4
  var rounds = 3
  /// Of the steady stream: how long, calls a second, the file system that the coordinator has.
  var minutes = 10
  var rate = 2_000
  var diskMiB = 64
  /// Where the plot of the steady stream goes, and its figures.
  var plot = ".build-bench/steady.svg"
  /// Comma-separated: calls, chain, commands, steady.
  var parts = ["calls", "chain", "commands"]
  /// Only our own side, for profilers.
  var isAlone = false

  static let usage = """
    bench [--rpcv=PATH] [--directory=DIR] [--calls=20000] [--in-flight=64] [--blocking=1000]
          [--chained=100] [--jobs=2000] [--slots=4] [--rounds=3] [--parts=calls,chain,commands]
          [--alone]
    bench --parts=steady [--minutes=10] [--rate=2000] [--disk-mib=64] [--plot=FILE.svg]
          as root: a coordinator on a small file system of its own under a steady stream of calls
    """

  init(_ arguments: [String]) throws {
    for argument in arguments {
      if argument == "--alone" {
        isAlone = true
        continue
      }
      let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw BenchError("'\(argument)'?\n\(Self.usage)") }
      switch parts[0] {
      case "--rpcv": rpcv = parts[1]
      case "--directory": directory = parts[1]
      case "--parts": self.parts = parts[1].split(separator: ",").map(String.init)
      case "--calls": calls = try Self.number(parts)
      case "--in-flight": inFlight = try Self.number(parts)
      case "--blocking": blocking = try Self.number(parts)
      case "--chained": chained = try Self.number(parts)
      case "--jobs": jobs = try Self.number(parts)
      case "--slots": slots = try Self.number(parts)
      case "--minutes": minutes = try Self.number(parts)
      case "--rate": rate = try Self.number(parts)
      case "--disk-mib": diskMiB = try Self.number(parts)
      case "--plot": plot = parts[1]
      case "--rounds": rounds = try Self.number(parts)
      default: throw BenchError("'\(argument)'?\n\(Self.usage)")
      }
    }
  }

  private static func number(_ parts: [String]) throws -> Int {
    guard let number = Int(parts[1]), number > 0 else {
      throw BenchError("\(parts[0]) wants a number above 0, not '\(parts[1])'")
    }
    return number
  }
}
