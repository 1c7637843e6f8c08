import ReplicationCore
import Testing

@testable import ReplicationTransport

@Suite struct TransportFrameTests {
  private func read(_ bytes: [UInt8], cuts: [Int], limit: Int = 16 << 20) throws -> [Frame] {
    var reader = FrameReader(limit: limit)
    var frames: [Frame] = []
    var start = 0
    for end in cuts + [bytes.count] where end > start {
      var offset = 0
      try bytes[start..<end].withUnsafeBytes { raw in
        while let frame = try reader.next(raw, &offset) { frames.append(frame) }
        #expect(offset == raw.count)
      }
      start = end
    }
    return frames
  }

  @Test func framesSurviveEveryCut() throws {
    let bytes =
      frameBytes(1, 7, [1, 2, 3]) + frameBytes(2, .max, []) + frameBytes(3, 1 << 40, [9])
    for a in 0...bytes.count {
      for b in a...bytes.count {
        let frames = try read(bytes, cuts: [a, b])
        #expect(frames.map(\.type) == [.request, .response, .refusal])
        #expect(frames.map(\.exchange) == [7, .max, 1 << 40])
        #expect(frames.map(\.payload) == [[1, 2, 3], [], [9]])
      }
    }
  }

  @Test func lengthsAreCheckedBeforeAnythingIsKept() {
    #expect(throws: FrameReader.Failure.tooLarge(length: 0xffff_ffff, limit: 100)) {
      try read([0xff, 0xff, 0xff, 0xff], cuts: [], limit: 100)
    }
    #expect(throws: FrameReader.Failure.tooLarge(length: 101, limit: 100)) {
      try read([101, 0, 0, 0], cuts: [], limit: 100)
    }
    #expect(throws: FrameReader.Failure.tooShort(length: 8)) {
      try read([8, 0, 0, 0], cuts: [])
    }
    #expect(throws: FrameReader.Failure.unknownType(4)) {
      try read([9, 0, 0, 0, 4], cuts: [])
    }
    #expect(throws: Never.self) { try read([100, 0, 0, 0], cuts: [], limit: 100) }
  }

  @Test func anUnfinishedFrameHoldsOnlyWhatCame() throws {
    var reader = FrameReader(limit: 16 << 20)
    var offset = 0
    let start = frameBytes(1, 1, [5, 6], length: 16 << 20)
    let frame = try start.withUnsafeBytes { try reader.next($0, &offset) }
    #expect(frame == nil)
    #expect(reader.partialBytes == 15)
  }

  /// F15: whatever comes, the reader ends with an error or with whole frames within its limit.
  @Test func randomBytesNeverTrap() {
    let seed: UInt64 = 0x5eed
    print("seed \(seed)")
    var dice = Dice(seed: seed)
    for _ in 0..<3000 {
      var bytes = (0..<Int.random(in: 0...200, using: &dice)).map { _ in
        UInt8.random(in: 0...255, using: &dice)
      }
      if Bool.random(using: &dice) {
        bytes =
          frameBytes(1, 3, [UInt8](repeating: 1, count: Int.random(in: 0...40, using: &dice)))
          + bytes
        bytes[Int.random(in: 0..<bytes.count, using: &dice)] ^=
          1 << UInt8.random(in: 0...7, using: &dice)
      }
      if let frames = try? read(bytes, cuts: [bytes.count / 2], limit: 300) {
        #expect(frames.allSatisfy { $0.payload.count <= 291 })
      }
    }
  }

  @Test func queueCutsAndJoins() {
    var queue = OutboundQueue()
    var expected: [UInt8] = []
    for (index, size) in [0, 1, 50, 1000, 0, 3, 64, 5000].enumerated() {
      let payload = [UInt8](repeating: UInt8(index), count: size)
      queue.append(Frame(type: .request, exchange: UInt64(index), payload: payload))
      expected += frameBytes(1, UInt64(index), payload)
    }
    #expect(queue.bytes == expected.count)
    var written: [UInt8] = []
    while let chunk = queue.nextChunk(.init(), limit: 64) {
      #expect(chunk.readableBytes > 0 && chunk.readableBytes <= 64 + Frame.headerSize)
      written += chunk.readableBytesView
    }
    #expect(written == expected)
    #expect(queue.bytes == 0 && queue.isEmpty)
  }

  @Test func addresses() throws {
    #expect(try HostPort("a.example:80") == HostPort(host: "a.example", port: 80))
    #expect(try HostPort("[::1]:7000") == HostPort(host: "::1", port: 7000))
    #expect(try HostPort("[::1]:7000").description == "[::1]:7000")
    #expect(try HostPort("box", defaultPort: 7) == HostPort(host: "box", port: 7))
    #expect(try HostPort("[fe80::1]", defaultPort: 7) == HostPort(host: "fe80::1", port: 7))
    for bad in [
      "", "box", ":80", "box:", "box:x", "box:65536", "box:-1", "box:+1", "::1:80",
      "[::1", "[::1]x", "box:1 ",
    ] {
      #expect(throws: TransportError.self) { try HostPort(bad) }
    }
  }
}
