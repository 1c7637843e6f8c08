import Foundation
import LogStore
import SwiftProtobuf

@testable import ReplicationCore

// What coordinators say to each other, as values of the generated types.

extension PeerInfo {
  var proto: Rpcv_Wire_PeerInfo {
    .with {
      $0.nodeHigh = node.value.high
      $0.nodeLow = node.value.low
      $0.address = address
      $0.incarnation = incarnation
    }
  }
}

extension LogOwner {
  var proto: Rpcv_Wire_Owner {
    .with {
      $0.nodeHigh = node.value.high
      $0.nodeLow = node.value.low
      $0.log = UInt32(log.rawValue)
    }
  }
}

extension SegmentName {
  var wire: Rpcv_Wire_SegmentName {
    .with {
      $0.owner = owner.proto
      $0.serial = serial.value
      $0.nonce = nonce.value
    }
  }
}

extension SegmentEnd {
  func wire(withOwner: Bool) -> Rpcv_Wire_SegmentEnd {
    .with {
      $0.serial = name.serial.value
      $0.nonce = name.nonce.value
      $0.end = end.value
      $0.chain = chain.value
      $0.records = records.value
      $0.durableEnd = durableEnd.value
      $0.durableRecords = durableRecords.value
      if withOwner { $0.owner = name.owner.proto }
    }
  }
}

extension Record {
  var wire: Rpcv_Wire_Record {
    .with {
      $0.kind = UInt32(kind.value)
      $0.payload = Data(payload)
    }
  }
}

extension SyncRequest {
  var proto: Rpcv_Wire_SyncRequest {
    .with {
      $0.from = from.proto
      $0.purpose = .init(rawValue: Int(purpose.rawValue)) ?? .probe
      $0.members = members
      $0.digests = digests.map { digest in
        .with {
          $0.owner = digest.owner.proto
          $0.digest = digest.digest
        }
      }
      $0.archives = archives
    }
  }
}

extension SyncResponse {
  var proto: Rpcv_Wire_SyncResponse {
    .with {
      $0.from = from.proto
      $0.members = members
      $0.owners = owners.map { vector in
        .with {
          $0.owner = vector.owner.proto
          $0.floor = vector.floor.value
          $0.ends = vector.ends.map { $0.wire(withOwner: false) }
        }
      }
      $0.lagging = lagging.map { $0.wire(withOwner: true) }
      $0.omitted = omitted.map(\.proto)
      $0.archives = archives
    }
  }
}

extension PeerRequest {
  var proto: Rpcv_Wire_PeerRequest {
    .with { proto in
      switch self {
      case .sync(let request): proto.sync = request.proto
      case .ship(let request):
        proto.ship = .with {
          $0.from = request.from.proto
          $0.segment = request.segment.wire
          $0.offset = request.offset.value
          $0.more = request.more
          $0.bytes = Data(request.bytes)
        }
      case .fetch(let request):
        proto.fetch = .with {
          $0.from = request.from.proto
          $0.segment = request.segment.wire
          $0.offset = request.offset.value
          $0.maxBytes = request.maxBytes
        }
      case .unsupported: break
      }
    }
  }
}

extension ShipResponse {
  var proto: Rpcv_Wire_ShipResponse {
    .with {
      if let end { $0.end = end.wire(withOwner: true) }
      switch outcome {
      case .accepted: $0.outcome = .accepted
      case .gap: $0.outcome = .gap
      case .damaged: $0.outcome = .damaged
      case .diverged: $0.outcome = .diverged
      case .retired(let record): ($0.outcome, $0.retired) = (.retired, record.wire)
      case .refused(let reason): ($0.outcome, $0.reason) = (.refused, reason)
      }
    }
  }
}

extension FetchResponse {
  var proto: Rpcv_Wire_FetchResponse {
    .with {
      if let end { $0.end = end.wire(withOwner: true) }
      switch outcome {
      case .bytes(let bytes): ($0.outcome, $0.bytes) = (.bytes, Data(bytes))
      case .absent: $0.outcome = .absent
      case .retired(let record): ($0.outcome, $0.retired) = (.fetchRetired, record.wire)
      case .refused(let reason): ($0.outcome, $0.reason) = (.fetchRefused, reason)
      }
    }
  }
}

extension PeerResponse {
  var proto: Rpcv_Wire_PeerResponse {
    .with {
      switch self {
      case .sync(let response): $0.sync = response.proto
      case .ship(let response): $0.ship = response.proto
      case .fetch(let response): $0.fetch = response.proto
      case .unsupported(let reason): $0.unsupported = reason
      }
    }
  }
}
