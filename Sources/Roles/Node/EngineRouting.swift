import LogStore
import ReplicationCore
import RolesCore

// Requests and answers between this node and others. A request to this node's own address goes to
// its own cores without being encoded; every other one leaves as bytes.

extension NodeEngine {
  /// Whether an address means this process.
  func isLocal(_ address: String) -> Bool {
    coordinator != nil && (address == settings.address || address == NodeSettings.localAddress)
  }

  // MARK: outgoing

  mutating func send(
    _ message: Message, to address: String, for origin: Origin, _ timeout: Duration
  ) {
    if isLocal(address) {
      let id = admit(.local(origin))
      events.append(.request(id, message))
      return
    }
    let token = OutgoingToken(nextOutgoing)
    nextOutgoing += 1
    outgoing[token] = origin
    exchanges[origin] = token
    outputs.append(.send(token, to: address, payload: message.encoded(), timeout: timeout))
  }

  mutating func abandon(_ origin: Origin) {
    if let token = exchanges.removeValue(forKey: origin) {
      outgoing[token] = nil
      outputs.append(.abandon(token))
      return
    }
    for (id, requester) in incoming where requester == .local(origin) {
      incoming[id] = nil
      events.append(.coordinator(.requestGone(RequestToken(id))))
    }
  }

  mutating func answered(_ token: OutgoingToken, _ payload: [UInt8]) {
    guard let origin = outgoing.removeValue(forKey: token) else { return }
    exchanges[origin] = nil
    do throws(ProtoError) {
      let message = try Message(decoding: payload)
      events.append(.answer(origin, message))
    } catch {
      outputs.append(.note("an answer can't be read (\(error)); it counts as a failed exchange"))
      events.append(.failure(origin, "\(error)"))
    }
  }

  mutating func failed(_ token: OutgoingToken, _ reason: String) {
    guard let origin = outgoing.removeValue(forKey: token) else { return }
    exchanges[origin] = nil
    events.append(.failure(origin, reason))
  }

  mutating func deliverAnswer(_ message: Message, to origin: Origin) {
    switch (origin, message) {
    case (.client(let id), .clientResponse(let response)):
      events.prepend(.client(.response(id, response)))
    case (.server(let id), .serverResponse(let response)):
      events.prepend(.server(.answer(id, response)))
    case (.server(let id), .resultsResponse(let response)):
      events.prepend(.server(.delivered(id, response)))
    case (.replicator(let id), .peerResponse(let bytes)):
      do throws(ProtoError) {
        events.prepend(.replicator(.response(id, try PeerResponse(decoding: bytes))))
      } catch {
        events.prepend(.replicator(.failed(id, "\(error)")))
      }
    case (.transfer(let question), let message):
      let store = archives
      run(transfers.answered(question, message, lacking: { store.missing(of: $0) }, at: now))
    case (_, .operatorResponse(.refused(let refusal))):
      events.prepend(.failure(origin, refusal.text))
    default:
      events.prepend(.failure(origin, "an answer of another kind than asked for"))
    }
  }

  mutating func deliverFailure(_ reason: String, to origin: Origin) {
    switch origin {
    case .client(let id):
      outputs.append(.note("a request of the client failed: \(reason)"))
      events.prepend(.client(.failed(id)))
    case .server(let id):
      outputs.append(.note("a request of the server failed: \(reason)"))
      events.prepend(.server(.failed(id)))
    case .replicator(let id): events.prepend(.replicator(.failed(id, reason)))
    case .transfer(let question): run(transfers.failed(question, reason, at: now))
    }
  }

  // MARK: incoming

  private mutating func admit(_ requester: Requester) -> UInt64 {
    let id = nextRequest
    nextRequest += 1
    incoming[id] = requester
    if case .network(let token) = requester { tokens[token] = id }
    return id
  }

  mutating func receive(_ payload: [UInt8], from token: IncomingToken) {
    let id = admit(.network(token))
    do throws(ProtoError) {
      let message = try Message(decoding: payload)
      events.append(.request(id, message))
    } catch {
      reply(.operatorResponse(.refused(Refusal(.badRecord, "\(error)"))), to: id)
    }
  }

  mutating func forget(_ token: IncomingToken) {
    guard let id = tokens.removeValue(forKey: token) else { return }
    incoming[id] = nil
    events.append(.coordinator(.requestGone(RequestToken(id))))
    archiveNews.forget(id)
  }

  mutating func reply(_ message: Message, to id: UInt64) {
    guard let requester = incoming.removeValue(forKey: id) else { return }
    switch requester {
    case .network(let token):
      tokens[token] = nil
      outputs.append(.reply(token, payload: message.encoded()))
    case .local(let origin): events.append(.answer(origin, message))
    }
  }

  mutating func serve(_ message: Message, as id: UInt64) {
    let token = RequestToken(id)
    guard coordinator != nil else {
      reply(
        .operatorResponse(.refused(Refusal(.unsupported, "this node is not a coordinator"))), to: id
      )
      return
    }
    switch message {
    case .clientRequest(let request):
      events.prepend(.coordinator(.clientRequest(token, request)))
    case .serverRequest(let request):
      events.prepend(.coordinator(.serverRequest(token, request)))
    case .resultsRequest(let request):
      events.prepend(.coordinator(.resultsRequest(token, request)))
    case .operatorRequest(let request):
      events.prepend(.coordinator(.operatorRequest(token, request)))
    case .archiveOffer(let offer): serve(offer, as: id)
    case .archivePut(let put): serve(put, as: id)
    case .archiveGet(let get): serve(get, as: id)
    case .peerRequest(let bytes):
      do throws(ProtoError) {
        events.prepend(
          .replicator(.request(Replicator.RequestToken(id), try PeerRequest(decoding: bytes))))
      } catch {
        reply(.peerResponse(PeerResponse.unsupported("\(error)").encoded()), to: id)
      }
    case .clientResponse, .serverResponse, .resultsResponse, .archiveOfferReply, .archivePutReply,
      .archiveGetReply, .operatorResponse, .peerResponse:
      reply(
        .operatorResponse(.refused(Refusal(.unsupported, "an answer is not a request"))), to: id)
    }
  }
}
