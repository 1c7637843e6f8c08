import Synchronization
import Testing

@testable import ReplicationTransport

@Suite struct TransportExchangeTests {
  @Test func roundTripsKeepOneConnection() async throws {
    let bench = TransportBench()
    let server = try bench.echo()
    let client = bench.client()
    for size in [0, 1, 1000, 70_000] {
      let payload = [UInt8](repeating: 7, count: size)
      #expect(await client.ask(server.address, payload) == .success(payload))
    }
    #expect(server.openConnections == 1)
    #expect(await client.ask(server.address, [1], lane: .bulk) == .success([1]))
    #expect(server.openConnections == 2)
  }

  @Test func answersInAnyOrder() async throws {
    let bench = TransportBench()
    let waiting = Collected<IncomingRequest>()
    let server = try bench.server(events: TransportEvents(onRequest: { waiting.add($0) }))
    let client = bench.client()
    let answers = Collected<[UInt8]>()
    for number in 0..<200 {
      client.exchange(with: server.address, [UInt8(number)], timeout: .seconds(600)) {
        if case .success(let bytes) = $0 { answers.add(bytes) }
      }
    }
    #expect(await eventually { waiting.count == 200 })
    #expect(server.openConnections == 1)
    for request in waiting.all.reversed() {
      request.reply(request.payload + [1])
      request.reply([0])  // the second answer is dropped
    }
    #expect(await eventually { answers.count == 200 })
    #expect(answers.all == (0..<200).reversed().map { [UInt8($0), 1] })
  }

  @Test func largePayloads() async throws {
    let bench = TransportBench()
    let server = try bench.echo()
    let client = bench.client()
    let most = (16 << 20) - Frame.overhead
    let payload = [UInt8](unsafeUninitializedCapacity: most) { buffer, count in
      for index in 0..<most { buffer[index] = UInt8(truncatingIfNeeded: index &* 31) }
      count = most
    }
    #expect(await client.ask(server.address, payload) == .success(payload))
    #expect(
      await client.ask(server.address, payload + [0])
        == .failure(
          .frameTooLarge(
            peer: server.address.description, length: UInt64(16 << 20) + 1, limit: 16 << 20)))
    // The connection is as good as before.
    #expect(await client.ask(server.address, [1]) == .success([1]))
  }

  @Test func anAnswerOverTheLimitIsRefused() async throws {
    let bench = TransportBench()
    let server = try bench.server(
      events: TransportEvents(onRequest: { $0.reply([UInt8](repeating: 0, count: 16 << 20)) }))
    let answer = await bench.client().ask(server.address, [1])
    guard case .failure(.rejected(_, let reason)) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(reason.contains("over the limit"))
  }

  @Test func refusalsCarryTheirReason() async throws {
    let bench = TransportBench()
    let server = try bench.server(events: TransportEvents(onRequest: { $0.refuse("not today") }))
    let answer = await bench.client().ask(server.address, [1])
    #expect(
      answer == .failure(.rejected(peer: server.address.description, reason: "not today")))
  }

  @Test func timeoutsCompleteInTime() async throws {
    let bench = TransportBench()
    let waiting = Collected<IncomingRequest>()
    let server = try bench.server(events: TransportEvents(onRequest: { waiting.add($0) }))
    let client = bench.client()
    async let slow = client.ask(server.address, [1], timeout: .seconds(600))
    async let quick = client.ask(server.address, [2], timeout: .milliseconds(50))
    let timedOut = await quick
    #expect(
      timedOut
        == .failure(.timedOut(peer: server.address.description, waitingFor: "an answer")))
    // A late answer is dropped, the connection is kept.
    for request in waiting.all { request.reply(request.payload) }
    #expect(await eventually { waiting.count == 2 })
    for request in waiting.all { request.reply(request.payload) }
    #expect(await slow == .success([1]))
    #expect(server.openConnections == 1)
  }

  @Test func refusedAndUnreachableFailFast() async throws {
    let bench = TransportBench()
    let server = try bench.echo()
    let address = server.address
    server.stop()
    let client = bench.client()
    #expect(await client.ask(address, [1]) == .failure(.refused(address)))
    let nowhere = HostPort(host: "no-such-host.invalid", port: 1)
    let answer = await client.ask(nowhere, [1])
    guard case .failure(.unreachable(nowhere, let reason)) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(reason.contains("no-such-host.invalid"))
  }

  @Test func portInUse() throws {
    let bench = TransportBench()
    let first = try bench.echo()
    #expect(throws: TransportError.addressInUse(first.address)) {
      try bench.echo(port: first.address.port)
    }
    #expect(
      TransportError.addressInUse(first.address).description
        == "port \(first.address.port) on 127.0.0.1 is in use by another process")
    #expect(throws: TransportError.self) {
      try TransportServer.start(
        on: bench.loop, at: HostPort(host: "203.0.113.7", port: 0),
        events: TransportEvents(onRequest: { _ in }))
    }
  }

  @Test func restartOfTheServer() async throws {
    let bench = TransportBench()
    let gone = Collected<RequestID>()
    let waiting = Collected<IncomingRequest>()
    let first = try bench.server(
      events: TransportEvents(onRequest: { waiting.add($0) }, onGone: { gone.add($0) }))
    let address = first.address
    let client = bench.client()
    async let lost = client.ask(address, [1])
    #expect(await eventually { waiting.count == 1 })
    first.stop()
    guard case .failure(.closed) = await lost else {
      Issue.record("the exchange outlived its connection")
      return
    }
    #expect(gone.all == waiting.all.map(\.id))
    waiting.all[0].reply([9])  // nobody is there: no effect
    let second = try bench.echo(port: address.port)
    #expect(await client.ask(second.address, [2]) == .success([2]))
  }

  @Test func stopAndCancelCompleteEverything() async throws {
    let bench = TransportBench()
    let server = try bench.server(events: TransportEvents(onRequest: { _ in }))
    let client = bench.client()
    let results = Collected<Result<[UInt8], TransportError>>()
    let first = client.exchange(with: server.address, [1], timeout: .seconds(600)) {
      results.add($0)
    }
    client.cancel(first)
    #expect(await eventually { results.count == 1 })
    client.exchange(with: server.address, [2], timeout: .seconds(600)) { results.add($0) }
    client.stop()
    #expect(await eventually { results.count == 2 })
    client.exchange(with: server.address, [3], timeout: .seconds(600)) { results.add($0) }
    #expect(await eventually { results.count == 3 })
    #expect(results.all == [.failure(.stopped), .failure(.stopped), .failure(.stopped)])
  }

  @Test func boundsOfTheClient() async throws {
    let bench = TransportBench()
    let server = try bench.server(events: TransportEvents(onRequest: { _ in }))
    var settings = TransportSettings()
    settings.exchangeLimit = 3
    let client = bench.client(settings: settings)
    let results = Collected<Result<[UInt8], TransportError>>()
    for _ in 0..<5 {
      client.exchange(with: server.address, [1], timeout: .seconds(600)) { results.add($0) }
    }
    #expect(await eventually { results.count == 2 })
    for result in results.all {
      guard case .failure(.busy) = result else {
        Issue.record("\(result)")
        continue
      }
    }
  }

  /// A server that answers slower than requests come reads no more than its bounds allow.
  @Test func boundsOfTheServer() async throws {
    let bench = TransportBench()
    let waiting = Collected<IncomingRequest>()
    var settings = TransportSettings()
    settings.requestLimit = 4
    settings.receiveLimit = 1 << 20
    let server = try bench.server(
      settings: settings, events: TransportEvents(onRequest: { waiting.add($0) }))
    let client = bench.client()
    let answers = Collected<Result<[UInt8], TransportError>>()
    let payload = [UInt8](repeating: 1, count: 300_000)
    for _ in 0..<60 {
      client.exchange(with: server.address, payload, timeout: .seconds(600)) { answers.add($0) }
    }
    var most = 0
    for replied in 0..<60 {
      try #require(await eventually { waiting.count > replied })
      most = max(most, waiting.count - replied)
      waiting.all[replied].reply([])
    }
    // The limit, and what one read from the socket can hold beyond it.
    #expect(most <= 6)
    #expect(await eventually { answers.count == 60 })
    #expect(answers.all.allSatisfy { $0 == .success([]) })
  }
}
