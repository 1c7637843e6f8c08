import Foundation
import LogStore
import SwiftProtobuf

@testable import RolesCore

// Our messages of clients, servers and archives as values of the generated types.

extension Record {
  var proto: Rpcv_Calls_LoggedRecord {
    .with {
      $0.kind = UInt32(kind.value)
      $0.payload = Data(payload)
    }
  }
}

extension Refusal {
  var proto: Rpcv_Calls_Refusal {
    .with {
      $0.code = .init(rawValue: Int(code.rawValue)) ?? .unknown
      $0.text = text
    }
  }
}

extension ClientRequest {
  var proto: Rpcv_Calls_ClientRequest {
    .with {
      $0.session = session.proto
      $0.incarnation = incarnation
      $0.records = records.map(\.proto)
      $0.poll = poll
      $0.wantsResults = wantsResults
      $0.have = have.map(\.proto)
      $0.wanted = wanted.map(\.proto)
      $0.resultBytes = resultBytes
      $0.coordinators = coordinators
      $0.wantsHash = wantsHash
      $0.digestsFrom = digestsFrom.value
    }
  }
}

extension CallDigest {
  var proto: Rpcv_Calls_CallDigest {
    .with {
      $0.counter = counter.value
      $0.digest = digest.data
    }
  }
}

extension ClientResponse {
  var proto: Rpcv_Calls_ClientResponse {
    .with {
      $0.acceptedThrough = acceptedThrough.value
      $0.safeThrough = safeThrough.value
      $0.controlsSafe = controlsSafe
      $0.hashFrom = hashFrom.value
      $0.digestsHash = digestsHash.data
      $0.results = results.map(\.proto)
      $0.exhausted = exhausted.map(\.proto)
      $0.released = released.map(\.proto)
      $0.missingArchives = missingArchives.map(\.data)
      $0.coordinators = coordinators
      $0.conflictingIncarnation = conflictingIncarnation
      if let refusal { $0.refusal = refusal.proto }
      $0.digests = digests.map(\.proto)
      $0.digestsThrough = digestsThrough.value
      $0.missingSubmissions = missingSubmissions.map(\.proto)
      $0.logFull = logFull
    }
  }
}

extension ServerRequest {
  var proto: Rpcv_Calls_ServerRequest {
    .with {
      $0.server = server.value.data
      $0.incarnation = incarnation
      $0.sequence = sequence
      $0.seen = seen
      $0.host = host
      $0.slots = slots
      $0.wants = wants
      $0.services = services
      $0.running = running.map(\.proto)
      $0.holding = holding.map(\.proto)
      if let holdingAfter { $0.holdingAfter = holdingAfter.proto }
      if let holdingThrough { $0.holdingThrough = holdingThrough.proto }
      $0.poll = poll
      $0.coordinators = coordinators
      $0.leaving = leaving
    }
  }
}

extension Assignment {
  var proto: Rpcv_Calls_Assignment {
    .with {
      $0.assigned = assigned.proto
      $0.submitted = submitted.proto
    }
  }
}

extension ServerResponse {
  var proto: Rpcv_Calls_ServerResponse {
    .with {
      $0.sequence = sequence
      $0.assignments = assignments.map(\.proto)
      $0.cancel = cancel.map(\.proto)
      $0.send = send.map(\.proto)
      $0.safe = safe.map(\.proto)
      $0.coordinators = coordinators
      $0.conflictingIncarnation = conflictingIncarnation
      if let refusal { $0.refusal = refusal.proto }
      $0.logFull = logFull
    }
  }
}

extension ResultsRequest {
  var proto: Rpcv_Calls_ResultsRequest {
    .with {
      $0.server = server.value.data
      $0.records = records.map(\.proto)
    }
  }
}

extension ResultsResponse {
  var proto: Rpcv_Calls_ResultsResponse {
    .with {
      $0.held = held.map(\.proto)
      $0.safe = safe.map(\.proto)
      $0.missingArchives = missingArchives.map(\.data)
      if let refusal { $0.refusal = refusal.proto }
    }
  }
}

extension ArchiveManifest {
  var proto: Rpcv_Calls_ArchiveManifest {
    .with {
      $0.id = id.data
      $0.size = size
      $0.chunks = chunks.map(\.data)
    }
  }
}

extension ArchiveOffer {
  var proto: Rpcv_Calls_ArchiveOffer { .with { $0.manifest = manifest.proto } }
}

extension ArchiveOfferReply {
  var proto: Rpcv_Calls_ArchiveOfferReply {
    .with {
      $0.missing = missing
      $0.durable = durable
      if let refusal { $0.refusal = refusal.proto }
    }
  }
}

extension ArchivePut {
  var proto: Rpcv_Calls_ArchivePut {
    .with {
      $0.id = id.data
      $0.index = index
      $0.bytes = Data(bytes)
    }
  }
}

extension ArchivePutReply {
  var proto: Rpcv_Calls_ArchivePutReply {
    .with { if let refusal { $0.refusal = refusal.proto } }
  }
}

extension ArchiveGet {
  var proto: Rpcv_Calls_ArchiveGet {
    .with {
      $0.id = id.data
      $0.index = index
      $0.wantsManifest = wantsManifest
    }
  }
}

extension ArchiveGetReply {
  var proto: Rpcv_Calls_ArchiveGetReply {
    .with {
      if let manifest { $0.manifest = manifest.proto }
      $0.bytes = Data(bytes)
      if let refusal { $0.refusal = refusal.proto }
    }
  }
}

extension RolesCore.Message {
  var proto: Rpcv_Calls_Message {
    .with {
      switch self {
      case .clientRequest(let message): $0.clientRequest = message.proto
      case .clientResponse(let message): $0.clientResponse = message.proto
      case .serverRequest(let message): $0.serverRequest = message.proto
      case .serverResponse(let message): $0.serverResponse = message.proto
      case .resultsRequest(let message): $0.resultsRequest = message.proto
      case .resultsResponse(let message): $0.resultsResponse = message.proto
      case .archiveOffer(let message): $0.archiveOffer = message.proto
      case .archiveOfferReply(let message): $0.archiveOfferReply = message.proto
      case .archivePut(let message): $0.archivePut = message.proto
      case .archivePutReply(let message): $0.archivePutReply = message.proto
      case .archiveGet(let message): $0.archiveGet = message.proto
      case .archiveGetReply(let message): $0.archiveGetReply = message.proto
      case .operatorRequest(let message): $0.operatorRequest = message.proto
      case .operatorResponse(let message): $0.operatorResponse = message.proto
      case .peerRequest(let bytes): $0.peerRequest = Data(bytes)
      case .peerResponse(let bytes): $0.peerResponse = Data(bytes)
      }
    }
  }
}
