import Glibc
import ReplicationCore
import Testing

@testable import ReplicationTransport

/// F9, F15, F16: what strangers and broken networks do to a port. Each case ends with a server that
/// still serves.
@Suite struct TransportHostilityTests {
  private func serves(_ server: TransportServer, _ bench: TransportBench) async -> Bool {
    await bench.client().ask(server.address, [42]) == .success([42])
  }

  @Test func garbageIsAnsweredWithAReason() async throws {
    let bench = TransportBench()
    let problems = Collected<TransportError>()
    let server = try bench.echo(problems: problems)
    let texts: [[UInt8]] = [
      [UInt8]("GET / HTTP/1.1\r\n\r\n".utf8),
      [UInt8](repeating: 0xff, count: 4096),
      [UInt8](repeating: 0, count: 64),
      // 2^63 as a length of eight bytes: ours reads 0 from its first four.
      [0, 0, 0, 0, 0, 0, 0, 0x80] + [UInt8](repeating: 1, count: 100),
      [0xff, 0xff, 0xff, 0x7f, 1],
      frameBytes(0, 0, [0xff, 0xff, 0xff]),
      frameBytes(1, 1, [1]),
      frameBytes(0, 0, [UInt8](repeating: 0, count: 2000)),
      prefaceBytes() + frameBytes(2, 1, [1]),
      prefaceBytes() + prefaceBytes(),
      prefaceBytes() + frameBytes(9, 1, [1]),
    ]
    for bytes in texts {
      let peer = RawPeer(connectingTo: server.address.port)
      peer.send(bytes)
      let answer = try #require(peer.readToEnd(), "the connection stays open")
      let frames = try RawPeer.frames(answer)
      #expect(frames.first?.type == .preface)
      let last = try #require(frames.last)
      #expect(last.type == .refusal && last.exchange == 0)
      #expect(try !Refused(decoding: last.payload).reason.isEmpty)
    }
    #expect(await eventually { problems.count == texts.count })
    #expect(await serves(server, bench))
    #expect(await eventually { server.openConnections <= 1 })
  }

  @Test func randomPeersNeverHurt() async throws {
    let bench = TransportBench()
    let server = try bench.echo()
    let seed: UInt64 = 77
    print("seed \(seed)")
    var dice = Dice(seed: seed)
    for _ in 0..<100 {
      let peer = RawPeer(connectingTo: server.address.port)
      var bytes = prefaceBytes() + frameBytes(1, 1, [1, 2, 3]) + frameBytes(1, 2, [])
      for _ in 0..<Int.random(in: 0...3, using: &dice) {
        bytes[Int.random(in: 0..<bytes.count, using: &dice)] ^=
          1 << UInt8.random(in: 0...7, using: &dice)
      }
      peer.send(Array(bytes[..<Int.random(in: 0...bytes.count, using: &dice)]))
    }
    #expect(await serves(server, bench))
    #expect(await eventually { server.openConnections <= 1 })
  }

  @Test func aCutInTheMiddleOfAFrame() async throws {
    let bench = TransportBench()
    let requests = Collected<IncomingRequest>()
    let gone = Collected<RequestID>()
    let server = try bench.server(
      events: TransportEvents(onRequest: { requests.add($0) }, onGone: { gone.add($0) }))
    do {
      let peer = RawPeer(connectingTo: server.address.port)
      peer.send(prefaceBytes() + frameBytes(1, 1, [1]) + frameBytes(1, 2, [1, 2], length: 5000))
      #expect(await eventually { requests.count == 1 })
    }
    #expect(await eventually { gone.count == 1 && server.openConnections == 0 })
    #expect(requests.count == 1)
  }

  /// The other direction: a server that dies in the middle of its answer.
  @Test func aCutInTheMiddleOfAnAnswer() async throws {
    let bench = TransportBench()
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = RawPeer.loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(listener, $0, size)
        _ = getsockname(listener, $0, &size)
      }
    }
    listen(listener, 8)
    let place = HostPort(host: "127.0.0.1", port: Int(in_port_t(bigEndian: address.sin_port)))
    let client = bench.client()
    let answers: [[UInt8]] = [
      prefaceBytes() + frameBytes(2, 1, [1], length: 100), prefaceBytes(), [], [1, 2, 3],
    ]
    for bytes in answers {
      async let asked = client.ask(place, [1])
      let peer = try await onThread { RawPeer(taking: accept(listener, nil, nil)) }
      peer.send(bytes)
      shutdown(peer.descriptor, Int32(SHUT_WR))
      guard case .failure(.closed) = await asked else {
        Issue.record("an answer came from half a frame")
        return
      }
    }
    async let asked = client.ask(place, [1])
    let peer = try await onThread { RawPeer(taking: accept(listener, nil, nil)) }
    peer.send([UInt8]("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
    guard case .failure(.frameTooLarge) = await asked else {
      Issue.record("a web server passed for a peer")
      return
    }
  }

  @Test func versionMismatchIsTypedOnBothSides() async throws {
    let bench = TransportBench()
    let problems = Collected<TransportError>()
    let server = try bench.echo(problems: problems)
    var newer = TransportSettings()
    newer.protocolVersion = 2
    newer.software = "rpcv 9"
    let answer = await bench.client(settings: newer).ask(server.address, [1])
    #expect(
      answer
        == .failure(
          .versionMismatch(
            peer: server.address.description, theirs: 1, ours: 2, software: "rpcv")))
    #expect(await eventually { problems.count == 1 })
    guard case .versionMismatch(_, 2, 1, "rpcv 9") = problems.all[0] else {
      Issue.record("\(problems.all)")
      return
    }
    #expect(await serves(server, bench))
  }

  @Test func slowAndSilentPeersAreCutOff() async throws {
    let bench = TransportBench()
    let problems = Collected<TransportError>()
    var settings = TransportSettings()
    settings.prefaceTime = .milliseconds(200)
    settings.frameTime = .milliseconds(300)
    let server = try bench.echo(settings: settings, problems: problems)
    let silent = RawPeer(connectingTo: server.address.port)
    #expect(silent.readToEnd() != nil)
    let slow = RawPeer(connectingTo: server.address.port)
    slow.send(prefaceBytes() + frameBytes(1, 1, [], length: 1000))
    let cutOff = try await onThread {
      let end = ContinuousClock.now + .seconds(20)
      while slow.send([0]) {
        guard ContinuousClock.now < end else { return false }
        poll(nil, 0, 20)
      }
      return true
    }
    #expect(cutOff)
    #expect(await eventually { problems.count == 2 })
    #expect(
      problems.all.allSatisfy {
        if case .timedOut = $0 { true } else { false }
      })
    #expect(await serves(server, bench))
  }

  /// Slow but honest: more than the minimum rate, for longer than the time of one frame.
  @Test func aSlowLinkMayBeSlow() async throws {
    let bench = TransportBench()
    var settings = TransportSettings()
    settings.frameTime = .milliseconds(400)
    settings.minimumRate = 1000
    let problems = Collected<TransportError>()
    let server = try bench.echo(settings: settings, problems: problems)
    let port = server.address.port
    let answer = try await onThread {
      let peer = RawPeer(connectingTo: port)
      peer.send(prefaceBytes() + frameBytes(1, 1, [], length: 120_009))
      for _ in 0..<120 {
        peer.send([UInt8](repeating: 3, count: 1000))
        poll(nil, 0, 10)
      }
      return try peer.read(until: .response)
    }
    #expect(answer?.payload.count == 120_000)
    #expect(problems.all == [])
  }

  @Test func aPeerThatDoesNotReadIsBounded() async throws {
    let bench = TransportBench()
    let problems = Collected<TransportError>()
    let gone = Collected<RequestID>()
    var settings = TransportSettings()
    settings.sendLimit = 4 << 20
    let server = try bench.server(
      settings: settings,
      events: TransportEvents(
        onRequest: { $0.reply([UInt8](repeating: 1, count: 1 << 20)) },
        onGone: { gone.add($0) }, onProblem: { problems.add($0) }))
    let peer = RawPeer(connectingTo: server.address.port)
    peer.send(prefaceBytes())
    for exchange in 0..<100 where !peer.send(frameBytes(1, UInt64(exchange), [])) { break }
    #expect(await eventually { problems.count == 1 && server.openConnections == 0 })
  }

  @Test func idleConnectionsMakeRoom() async throws {
    let bench = TransportBench()
    var settings = TransportSettings()
    settings.connectionLimit = 50
    let server = try bench.echo(settings: settings)
    let client = bench.client()
    #expect(await client.ask(server.address, [1]) == .success([1]))
    var peers: [RawPeer] = []
    var most = 0
    for number in 0..<1000 {
      peers.append(RawPeer(connectingTo: server.address.port))
      if number % 3 == 0 { peers.last?.send(prefaceBytes()) }
      most = max(most, server.openConnections)
    }
    #expect(most <= 51)
    #expect(await bench.client().ask(server.address, [42]) == .success([42]))
    #expect(await eventually { server.openConnections <= 50 })
  }

  @Test func fullOfBusyConnectionsRefusesTheNext() async throws {
    let bench = TransportBench()
    var settings = TransportSettings()
    settings.connectionLimit = 3
    let requests = Collected<IncomingRequest>()
    let server = try bench.server(
      settings: settings, events: TransportEvents(onRequest: { requests.add($0) }))
    let peers = (0..<3).map { _ in RawPeer(connectingTo: server.address.port) }
    for peer in peers { peer.send(prefaceBytes() + frameBytes(1, 1, [])) }
    #expect(await eventually { requests.count == 3 })
    let answer = await bench.client().ask(server.address, [1])
    guard case .failure(.rejected(_, let reason)) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(reason.contains("3 connections"))
    // Those that were there are served.
    for request in requests.all { request.reply([5]) }
    let response = try peers[0].read(until: .response)
    #expect(response?.payload == [5])
  }
}
