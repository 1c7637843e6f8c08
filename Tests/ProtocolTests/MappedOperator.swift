import Foundation
import LogStore
import SwiftProtobuf

@testable import RolesCore

// What operators ask and are shown, as values of the generated types.

extension OperatorRequest {
  var proto: Rpcv_Calls_OperatorRequest {
    .with { proto in
      switch self {
      case .sessions(let session):
        proto.sessions = .with { if let session { $0.session = session.proto } }
      case .calls(let session, let from, let limit):
        proto.calls = .with {
          $0.session = session.proto
          $0.from = from.value
          $0.limit = limit
        }
      case .why(let call): proto.why = call.proto
      case .grid: proto.grid = .init()
      case .remove(let node): proto.remove = node.value.data
      }
    }
  }
}

extension SessionSummary {
  var proto: Rpcv_Calls_SessionSummary {
    .with {
      $0.name = name.proto
      $0.userText = userText
      $0.sessionText = sessionText
      $0.mode = mode.proto
      $0.pending = pending
      $0.assigned = assigned
      $0.finished = finished
      $0.failed = failed
      $0.cancelled = cancelled
      $0.collected = collected
      $0.released = released
    }
  }
}

extension CallSummary {
  var proto: Rpcv_Calls_CallSummary {
    .with {
      $0.call = call.proto
      $0.digest = digest.data
      $0.state = .init(rawValue: Int(state.rawValue)) ?? .pending
      $0.command = command
      $0.tasks = tasks
      $0.failures = failures
      $0.exitStatus = exitStatus
      $0.signal = signal
      $0.duration = duration
      $0.host = host
    }
  }
}

extension CoordinatorSummary {
  var proto: Rpcv_Calls_CoordinatorSummary {
    .with {
      $0.address = address
      if let node { $0.node = node.value.data }
      $0.isSelf = isSelf
      $0.suspected = suspected
      $0.isSuccessor = isSuccessor
      $0.isPredecessor = isPredecessor
      $0.lagBytes = lagBytes
      if let lastHeard { $0.lastHeard = lastHeard }
    }
  }
}

extension ServerSummary {
  var proto: Rpcv_Calls_ServerSummary {
    .with {
      $0.server = server.value.data
      $0.host = host
      $0.slots = slots
      $0.running = running
      $0.suspected = suspected
      $0.lastHeard = lastHeard
      $0.services = services
    }
  }
}

extension GridSummary {
  var proto: Rpcv_Calls_GridSummary {
    .with {
      $0.coordinators = coordinators.map(\.proto)
      $0.servers = servers.map(\.proto)
      $0.warnings = warnings
      $0.segments = segments
      $0.bytes = bytes
    }
  }
}

extension OperatorResponse {
  var proto: Rpcv_Calls_OperatorResponse {
    .with { proto in
      switch self {
      case .sessions(let sessions):
        proto.sessions = .with { $0.sessions = sessions.map(\.proto) }
      case .calls(let calls): proto.calls = .with { $0.calls = calls.map(\.proto) }
      case .why(let lines): proto.why = .with { $0.lines = lines }
      case .grid(let grid): proto.grid = grid.proto
      case .done(let text): proto.done = text
      case .refused(let refusal): proto.refused = refusal.proto
      }
    }
  }
}
