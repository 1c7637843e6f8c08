import Foundation
import LogStore
import ReplicationCore
import SwiftProtobuf

@testable import ReplicationTransport
@testable import RolesCore

// One codec beside the generated one. Each check returns what is wrong, or nil.

/// A kind of message: how to draw one, and what it is in the generated types.
struct Codec: Sendable {
  let name: String
  /// Both directions, with unknown fields and in another order of fields.
  let check: @Sendable (inout Random) -> String?
  /// A valid encoding.
  let sample: @Sendable (inout Random) -> [UInt8]
  /// What hostile bytes give: whether we, and whether the generated code, take them.
  let takes: @Sendable ([UInt8]) -> (ours: Bool, theirs: Bool)

  init<Ours: ProtoMessage & Equatable, Theirs: SwiftProtobuf.Message & Equatable>(
    _ name: String, _ make: @escaping @Sendable (inout Random) -> Ours,
    _ map: @escaping @Sendable (Ours) -> Theirs
  ) {
    self.name = name
    sample = { make(&$0).encoded() }
    takes = { bytes in
      ((try? Ours(decoding: bytes)) != nil, (try? Theirs(serializedBytes: bytes)) != nil)
    }
    check = { random in
      let value = make(&random)
      let mapped = map(value)
      let bytes = value.encoded()
      do {
        if try Theirs(serializedBytes: bytes) != mapped { return "they read \(value) otherwise" }
        let theirs: [UInt8] = try mapped.serializedBytes()
        if try Ours(decoding: theirs) != value { return "we read theirs otherwise: \(value)" }
        if try Ours(decoding: bytes) != value { return "we read our own otherwise: \(value)" }
        let salted = Wire.salted(bytes, using: &random)
        if try Ours(decoding: salted) != value {
          return "unknown fields or the order of fields are seen: \(value)"
        }
        return nil
      } catch {
        return "\(error) of \(value)"
      }
    }
  }

  static let all = records + calls + wire

  static let records = [
    Codec("Submitted", { $0.submitted() }, \.proto),
    Codec("CallSpec", { $0.spec() }, \.proto),
    Codec("Assigned", { $0.assigned() }, \.proto),
    Codec("Finished", { $0.finished() }, \.proto),
    Codec("CallResult", { $0.result() }, \.proto),
    Codec("Failed", { $0.failed() }, \.proto),
    Codec("Lost", { $0.lost() }, \.proto),
    Codec("Cancelled", { $0.cancelled() }, \.proto),
    Codec("Collected", { $0.collected() }, \.proto),
    Codec("Opened", { $0.opened() }, \.proto),
    Codec("Released", { $0.released() }, \.proto),
    Codec("Removed", { $0.removed() }, \.proto),
    Codec("Alive", { $0.alive() }, \.proto),
  ]

  static let calls = [
    Codec("Message", { $0.message() }, \.proto),
    Codec("Refusal", { $0.refusal() }, \.proto),
    Codec("ClientRequest", { $0.clientRequest() }, \.proto),
    Codec("ClientResponse", { $0.clientResponse() }, \.proto),
    Codec("CallDigest", { $0.callDigest() }, \.proto),
    Codec("ServerRequest", { $0.serverRequest() }, \.proto),
    Codec("Assignment", { $0.assignment() }, \.proto),
    Codec("ServerResponse", { $0.serverResponse() }, \.proto),
    Codec("ResultsRequest", { $0.resultsRequest() }, \.proto),
    Codec("ResultsResponse", { $0.resultsResponse() }, \.proto),
    Codec("ArchiveManifest", { $0.manifest() }, \.proto),
    Codec("ArchiveOfferReply", { $0.archiveOfferReply() }, \.proto),
    Codec("ArchivePut", { $0.archivePut() }, \.proto),
    Codec("ArchivePutReply", { $0.archivePutReply() }, \.proto),
    Codec("ArchiveGet", { $0.archiveGet() }, \.proto),
    Codec("ArchiveGetReply", { $0.archiveGetReply() }, \.proto),
    Codec("OperatorRequest", { $0.operatorRequest() }, \.proto),
    Codec("OperatorResponse", { $0.operatorResponse() }, \.proto),
    Codec("SessionSummary", { $0.sessionSummary() }, \.proto),
    Codec("CallSummary", { $0.callSummary() }, \.proto),
    Codec("GridSummary", { $0.gridSummary() }, \.proto),
  ]

  static let wire = [
    Codec("PeerRequest", { $0.peerRequest() }, \.proto),
    Codec("PeerResponse", { $0.peerResponse() }, \.proto),
    Codec("SyncRequest", { $0.syncRequest() }, \.proto),
    Codec("SyncResponse", { $0.syncResponse() }, \.proto),
    Codec(
      "Preface", { Preface(protocolVersion: $0.number(), software: $0.text()) },
      { preface in
        Rpcv_Transport_Preface.with {
          $0.protocolVersion = preface.protocolVersion
          $0.software = preface.software
        }
      }),
  ]
}

/// Bytes on the wire, without knowing what they mean.
enum Wire {
  /// The fields of a valid message, each with its key.
  static func fields(_ bytes: [UInt8]) -> [(number: Int, bytes: ArraySlice<UInt8>)] {
    var fields: [(Int, ArraySlice<UInt8>)] = []
    bytes.withUnsafeBytes { raw in
      var reader = ProtoReader(raw)
      var start = 0
      while let field = try? reader.next() {
        fields.append((field.number, bytes[start..<reader.offset]))
        start = reader.offset
      }
    }
    return fields
  }

  /// The same message in another order of field numbers, with fields that nobody knows in between.
  static func salted(_ bytes: [UInt8], using random: inout Random) -> [UInt8] {
    var groups: [Int: [ArraySlice<UInt8>]] = [:]
    for field in fields(bytes) { groups[field.number, default: []].append(field.bytes) }
    var result = unknownField(using: &random)
    for number in groups.keys.sorted().shuffled(using: &random.dice) {
      for bytes in groups[number] ?? [] { result += bytes }
      if random.bool() { result += unknownField(using: &random) }
    }
    return result
  }

  private static func unknownField(using random: inout Random) -> [UInt8] {
    let number = [19, 100, 5000, 0x1fff_ffff][random.upTo(4)]
    var writer = ProtoWriter()
    switch random.upTo(4) {
    case 0: writer.element(number, bytes: random.bytes())
    case 1: writer.field(number, varint: random.number())
    case 2: writer.field(number, fixed64: random.number())
    default:
      writer.varint(UInt64(number) << 3 | 5)
      return writer.bytes + [1, 2, 3, 4]
    }
    return writer.bytes
  }
}
