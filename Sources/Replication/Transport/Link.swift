// One TCP connection with its prefaces, frames and time limits, the same at both ends. It knows
// nothing of exchanges; its owner does.

import NIOCore
import ReplicationCore

/// Who owns a link, and is told what happens on it; on the link's event loop.
protocol LinkOwner: AnyObject {
  /// The peer's preface came and fits.
  func linkOpened(_ link: Link)
  /// A request, response or refusal came.
  func link(_ link: Link, received frame: Frame)
  /// Bytes of unfinished frames grew or shrank by so many.
  func link(_ link: Link, holds delta: Int)
  /// The end, exactly once, with its cause.
  func linkClosed(_ link: Link, _ cause: TransportError)
  /// Whether exchanges are under way, so that the link is not idle.
  func isBusy(_ link: Link) -> Bool
}

/// One connection, seen from either end: prefaces, frames in, a bounded queue of frames out, and
/// time limits. It knows nothing of exchanges.
final class Link: ChannelInboundHandler, @unchecked Sendable {  // proof: stays on its loop
  typealias InboundIn = ByteBuffer

  /// The owner's name for it.
  let number: UInt64
  private(set) var peer: String
  private let settings: TransportSettings
  private let idleTime: Duration
  private var owner: (any LinkOwner)?
  private var channel: (any Channel)?

  private var reader: FrameReader
  private var prefaceCame = false
  /// Of the unfinished frame: all bytes, and those that came since `windowStart`.
  private(set) var partialBytes = 0
  private(set) var frameBegan: NIODeadline?
  private var windowBytes = 0
  private var windowStart: NIODeadline?
  private(set) var lastActivity = NIODeadline.now()
  private let born = NIODeadline.now()

  private var outbound = OutboundQueue()
  private var inFlight = 0
  private var lastProgress = NIODeadline.now()
  private var pumpScheduled = false
  private var closesWhenWritten = false
  private var outputEnded = false
  private var cause: TransportError?

  private static let chunk = 256 << 10
  private static let linger: Duration = .seconds(1)

  init(
    number: UInt64, peer: String, settings: TransportSettings, idleTime: Duration,
    owner: any LinkOwner
  ) {
    self.number = number
    self.peer = peer
    self.settings = settings
    self.idleTime = idleTime
    self.owner = owner
    reader = FrameReader(limit: min(Preface.frameLimit, settings.frameLimit))
  }

  /// Bytes that wait for the peer.
  var waitingBytes: Int { outbound.bytes + inFlight }
  var isOpen: Bool { prefaceCame && cause == nil }
  var isClosing: Bool { cause != nil }

  // MARK: Out

  func send(_ frame: Frame) {
    guard cause == nil else { return }
    if waitingBytes == 0 { lastProgress = .now() }
    outbound.append(frame)
    schedulePump()
  }

  /// Frames that are sent in one turn of the loop leave in one write.
  private func schedulePump() {
    guard !pumpScheduled, let channel, channel.isActive else { return }
    pumpScheduled = true
    channel.eventLoop.execute { [self] in
      pumpScheduled = false
      pump()
    }
  }

  private func pump() {
    guard let channel, channel.isActive else { return }
    var wrote = false
    while channel.isWritable,
      let chunk = outbound.nextChunk(channel.allocator, limit: Self.chunk)
    {
      let count = chunk.readableBytes
      inFlight += count
      wrote = true
      channel.write(chunk).whenComplete { [self] _ in
        inFlight -= count
        lastProgress = .now()
        lastActivity = lastProgress
        if closesWhenWritten && waitingBytes == 0 { endOutput() }
      }
    }
    if wrote { channel.flush() }
  }

  // MARK: The end

  /// Closes at once, and tells the owner before it returns.
  func close(_ cause: TransportError) {
    guard self.cause == nil else { return }
    self.cause = cause
    channel?.close(promise: nil)
    finish()
  }

  /// Tells the peer why, then closes. What the peer still sends is dropped for a moment: closing a
  /// socket with unread bytes would reset it, and the peer might lose the reason.
  func refuse(_ reason: String, _ cause: TransportError) {
    guard self.cause == nil else { return }
    outbound.append(
      Frame(type: .refusal, exchange: 0, payload: Refused(reason: reason).encoded()))
    self.cause = cause
    closesWhenWritten = true
    dropPartial()
    pump()
  }

  /// Of what is refused nothing is kept.
  private func dropPartial() {
    reader = FrameReader(limit: Preface.frameLimit)
    (windowStart, frameBegan) = (nil, nil)
    let held = partialBytes
    partialBytes = 0
    if held > 0 { owner?.link(self, holds: -held) }
  }

  private func endOutput() {
    guard !outputEnded else { return }
    outputEnded = true
    channel?.close(mode: .output, promise: nil)
  }

  /// No connection came about.
  func failed(_ cause: TransportError) {
    if self.cause == nil { self.cause = cause }
    finish()
  }

  private func finish() {
    guard let owner else { return }
    self.owner = nil
    channel = nil
    outbound.removeAll()
    if partialBytes > 0 { owner.link(self, holds: -partialBytes) }
    partialBytes = 0
    owner.linkClosed(self, cause ?? .closed(peer: peer, reason: "the peer closed it"))
  }

  // MARK: Time

  /// Looks at the time limits.
  func tick(_ now: NIODeadline) {
    if closesWhenWritten {
      if now - lastProgress > min(settings.stallTime, Self.linger) {
        channel?.close(promise: nil)
      }
      return
    }
    guard cause == nil, channel != nil else { return }
    if !prefaceCame, now - born > settings.prefaceTime {
      return close(.timedOut(peer: peer, waitingFor: "its preface"))
    }
    if let since = windowStart, now - since > settings.frameTime {
      let seconds = Double(settings.frameTime.wholeMilliseconds) / 1000
      guard Double(windowBytes) >= seconds * Double(settings.minimumRate) else {
        return close(
          .timedOut(peer: peer, waitingFor: "the rest of a frame (\(partialBytes) bytes came)"))
      }
      (windowStart, windowBytes) = (now, 0)
    }
    if waitingBytes > 0 {
      if now - lastProgress > settings.stallTime {
        close(.timedOut(peer: peer, waitingFor: "it to take \(waitingBytes) written bytes"))
      }
    } else if now - lastActivity > idleTime, owner?.isBusy(self) == false {
      close(.closed(peer: peer, reason: "it was idle"))
    }
  }

  /// Stops and resumes reading: what isn't read fills the peer's window, and the peer waits.
  func setReading(_ on: Bool) {
    try? channel?.syncOptions?.setOption(.autoRead, value: on)
  }

  // MARK: ChannelInboundHandler

  func handlerAdded(context: ChannelHandlerContext) {
    channel = context.channel
    if context.channel.isActive { start(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    start(context)
    context.fireChannelActive()
  }

  private var started = false

  private func start(_ context: ChannelHandlerContext) {
    guard !started else { return }
    started = true
    lastProgress = .now()
    lastActivity = lastProgress
    if let address = context.remoteAddress, let ip = address.ipAddress, let port = address.port {
      let numeric = HostPort(host: ip, port: port).description
      if peer.isEmpty { peer = numeric }
    }
    let preface = Preface(
      protocolVersion: settings.protocolVersion, software: settings.software)
    outbound.prepend(Frame(type: .preface, exchange: 0, payload: preface.encoded()))
    schedulePump()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard cause == nil else { return }
    let buffer = unwrapInboundIn(data)
    lastActivity = .now()
    buffer.withUnsafeReadableBytes { bytes in
      var offset = 0
      do throws(FrameReader.Failure) {
        while cause == nil, let frame = try reader.next(bytes, &offset) {
          (windowStart, frameBegan) = (nil, nil)
          take(frame)
        }
      } catch {
        fail(error)
      }
    }
    guard let owner else { return }
    let delta = reader.partialBytes - partialBytes
    partialBytes = reader.partialBytes
    if partialBytes > 0 {
      if windowStart == nil { (windowStart, windowBytes) = (lastActivity, 0) }
      windowBytes += buffer.readableBytes
      if frameBegan == nil { frameBegan = lastActivity }
    }
    if delta != 0 { owner.link(self, holds: delta) }
  }

  private func take(_ frame: Frame) {
    if prefaceCame {
      guard frame.type != .preface else {
        return complain("a second preface")
      }
      owner?.link(self, received: frame)
      return
    }
    if frame.type == .refusal, let refused = try? Refused(decoding: frame.payload) {
      return close(.rejected(peer: peer, reason: refused.reason))
    }
    guard frame.type == .preface, let preface = try? Preface(decoding: frame.payload) else {
      return complain("the first frame is not a preface")
    }
    guard preface.protocolVersion == settings.protocolVersion else {
      let mismatch = TransportError.versionMismatch(
        peer: peer, theirs: preface.protocolVersion, ours: settings.protocolVersion,
        software: preface.software)
      return refuse(
        "protocol version \(preface.protocolVersion) is not served here: \(settings.software) "
          + "speaks version \(settings.protocolVersion)", mismatch)
    }
    prefaceCame = true
    reader.limit = settings.frameLimit
    owner?.linkOpened(self)
  }

  private func fail(_ failure: FrameReader.Failure) {
    switch failure {
    case .tooLarge(let length, let limit):
      refuse(
        "a frame of \(length) bytes is over the limit of \(limit)",
        .frameTooLarge(peer: peer, length: length, limit: limit))
    case .tooShort(let length): complain("a frame of \(length) bytes has no room for its header")
    case .unknownType(let type): complain("unknown frame type \(type)")
    }
  }

  /// The peer breaks the protocol: say so and close.
  func complain(_ reason: String) {
    refuse(reason, .badFrame(peer: peer, reason: reason))
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { pump() }
    context.fireChannelWritabilityChanged()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if cause == nil { cause = .closed(peer: peer, reason: describe(error)) }
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish()
    context.fireChannelInactive()
  }
}
