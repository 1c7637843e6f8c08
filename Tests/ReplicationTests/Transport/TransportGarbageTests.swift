import Foundation
import Glibc
import ReplicationCore
import Testing

@testable import ReplicationTransport

/// F15, F16: each kind of garbage on the port has its error, costs bounded memory, ends its own
/// connection and nobody else's.
@Suite struct TransportGarbageTests {
  /// What a stranger sends and which error it must be.
  private struct Case: Sendable {
    var name: String
    var bytes: [UInt8]
    var isExpected: @Sendable (TransportError) -> Bool
  }

  @Sendable private static func isBadFrame(_ error: TransportError) -> Bool {
    if case .badFrame = error { true } else { false }
  }

  private static func isTooLarge(_ length: UInt64, _ limit: Int)
    -> @Sendable (TransportError) -> Bool
  {
    {
      if case .frameTooLarge(_, length, limit) = $0 { true } else { false }
    }
  }

  /// Random, but neither a length that is taken nor the beginning of one.
  private static func random(seed: UInt64) -> [UInt8] {
    var dice = Dice(seed: seed)
    return (0..<5000).map { $0 == 3 ? 0x91 : UInt8.random(in: 0...255, using: &dice) }
  }

  private static let cases: [Case] = [
    Case(name: "random bytes", bytes: random(seed: 5)) {
      if case .frameTooLarge(_, _, Preface.frameLimit) = $0 { true } else { false }
    },
    Case(
      name: "a length of 2^63, least byte first",
      bytes: [0, 0, 0, 0, 0, 0, 0, 0x80] + [UInt8](repeating: 1, count: 5000),
      isExpected: isBadFrame),
    Case(
      name: "a length of 2^63, greatest byte first",
      bytes: [0x80, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 1, count: 5000),
      isExpected: isBadFrame),
    Case(
      name: "the greatest length", bytes: [0xff, 0xff, 0xff, 0xff],
      isExpected: isTooLarge(0xffff_ffff, Preface.frameLimit)),
    Case(
      name: "the greatest length of one who knows the protocol",
      bytes: prefaceBytes() + [0xff, 0xff, 0xff, 0xff],
      isExpected: isTooLarge(0xffff_ffff, 16 << 20)),
    Case(name: "another protocol version", bytes: prefaceBytes(version: 7)) {
      if case .versionMismatch(_, 7, 1, "raw") = $0 { true } else { false }
    },
    Case(
      name: "a request without a preface", bytes: frameBytes(1, 1, [1]), isExpected: isBadFrame),
  ]

  @Test func eachKindHasItsErrorAndHurtsNobodyElse() async throws {
    let bench = TransportBench()
    let problems = Collected<TransportError>()
    let server = try bench.echo(problems: problems)
    let port = server.address.port
    // One that was there before stays, and is served between all of it.
    let bystander = bench.client()
    #expect(await bystander.ask(server.address, [0]) == .success([0]))
    for (index, garbage) in Self.cases.enumerated() {
      let bytes = garbage.bytes
      let answer = try await onThread {
        let peer = RawPeer(connectingTo: port)
        peer.send(bytes)
        return peer.readToEnd()
      }
      let frames = try RawPeer.frames(try #require(answer, "\(garbage.name): not closed"))
      #expect(frames.map(\.type) == [.preface, .refusal], "\(garbage.name)")
      try #require(await eventually { problems.count == index + 1 }, "\(garbage.name)")
      #expect(garbage.isExpected(problems.all[index]), "\(garbage.name): \(problems.all[index])")
      #expect(await bystander.ask(server.address, [7]) == .success([7]))
    }
    #expect(await eventually { server.openConnections == 1 && server.partialBytes == 0 })
  }

  private static func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
    return pages * 4096
  }

  /// Many who announce the largest frame, send all of it but the last byte, and stay: no time limit
  /// helps here, the bound does. Held open by the test, so that nothing ends by itself.
  @Test func endlessHalfMessagesAreCutOffWhileOthersAreServed() async throws {
    let bench = TransportBench()
    let problems = Collected<TransportError>()
    var settings = TransportSettings()
    settings.frameLimit = 8 << 20
    settings.receiveLimit = 32 << 20
    settings.frameTime = .seconds(3600)
    let server = try bench.echo(settings: settings, problems: problems)
    let before = try Self.residentBytes()
    let port = server.address.port
    let peers = (0..<24).map { _ in RawPeer(connectingTo: port) }
    let client = bench.client()
    // The limit of all beginnings, and what one read from each socket can hold beyond it.
    let most = settings.receiveLimit / 2 + (8 << 20)
    for (index, peer) in peers.enumerated() {
      // An evicted one can't send to its end: that is what is asked for.
      _ = try await onThread {
        peer.send(
          prefaceBytes()
            + frameBytes(1, 1, [UInt8](repeating: 1, count: (8 << 20) - 10), length: 8 << 20))
      }
      #expect(server.partialBytes <= most)
      #expect(await client.ask(server.address, [UInt8(index)]) == .success([UInt8(index)]))
    }
    // 192 MiB were sent; two of these fit.
    #expect(await eventually { problems.count >= 22 })
    for problem in problems.all {
      guard case .busy(_, let reason) = problem else {
        Issue.record("\(problem)")
        continue
      }
      #expect(reason.contains("unfinished"))
    }
    #expect(try Self.residentBytes() - before < 96 << 20)
    // One megabyte at once, which needs room too.
    let large = [UInt8](repeating: 9, count: 1 << 20)
    #expect(await client.ask(server.address, large) == .success(large))
  }
}
