import Foundation
import LogStore
import SwiftProtobuf

@testable import RolesCore

// Our values as values of the generated types, field by field: the second opinion on what each
// codec means.

extension ID128 {
  var data: Data {
    var data = Data()
    for word in [high, low] { withUnsafeBytes(of: word.bigEndian) { data.append(contentsOf: $0) } }
    return data
  }
}

extension Hash256 { var data: Data { Data(bytes) } }

extension Hash256? { var data: Data { self?.data ?? Data() } }

extension SessionName {
  var proto: Rpcv_Records_SessionName {
    .with {
      $0.user = user.value.data
      $0.session = session.value.data
    }
  }
}

extension CallName {
  var proto: Rpcv_Records_CallName {
    .with {
      $0.user = session.user.value.data
      $0.session = session.session.value.data
      $0.counter = counter.value
    }
  }
}

extension TaskName {
  var proto: Rpcv_Records_TaskName {
    .with {
      $0.node = node.value.data
      $0.start = start.value
      $0.counter = counter
    }
  }
}

extension ClosedRange<CallCounter> {
  var proto: Rpcv_Records_CounterRange {
    .with {
      $0.first = lowerBound.value
      $0.last = upperBound.value
    }
  }
}

extension Blob {
  /// Nil if it is empty, which is left out.
  var proto: Rpcv_Records_Blob? {
    switch self {
    case .inline(let bytes): bytes.isEmpty ? nil : .with { $0.inline = Data(bytes) }
    case .archive(let id, let size):
      .with {
        $0.archive = .with {
          $0.id = id.data
          $0.size = size
        }
      }
    }
  }
}

extension CallSpec {
  var proto: Rpcv_Records_CallSpec {
    .with { proto in
      proto.service = service
      proto.version = version
      proto.arguments = arguments.map { Data($0) }
      if let stdin = stdin.proto { proto.stdin = stdin }
      proto.executable = executable.data
      if let input = input.proto { proto.input = input }
      proto.environment = environment.map { variable in
        .with {
          $0.name = variable.name
          $0.value = variable.value
        }
      }
      proto.collectsFiles = collectsFiles
      proto.priority = priority
      proto.timeLimit = timeLimit
      proto.memoryLimit = memoryLimit
      proto.failureLimit = failureLimit
    }
  }
}

extension CallResult {
  var proto: Rpcv_Records_CallResult {
    .with {
      $0.exitStatus = UInt32(exitStatus)
      $0.signal = UInt32(signal)
      if let stdout = stdout.proto { $0.stdout = stdout }
      if let stderr = stderr.proto { $0.stderr = stderr }
      if let files = files.proto { $0.files = files }
      $0.hash = hash.data
      $0.started = started
      $0.duration = duration
      $0.host = host
      $0.leftovers = leftovers
    }
  }
}

extension Submitted {
  var proto: Rpcv_Records_Submitted {
    .with {
      $0.call = call.proto
      $0.digest = digest.data
      $0.spec = spec.proto
      $0.wallTime = wallTime
    }
  }
}

extension Assigned {
  var proto: Rpcv_Records_Assigned {
    .with {
      $0.task = task.proto
      $0.call = call.proto
      $0.digest = digest.data
      $0.server = server.value.data
      $0.wallTime = wallTime
    }
  }
}

extension Finished {
  var proto: Rpcv_Records_Finished {
    .with {
      $0.task = task.proto
      $0.call = call.proto
      $0.digest = digest.data
      $0.server = server.value.data
      $0.result = result.proto
    }
  }
}

extension Failed {
  var proto: Rpcv_Records_Failed {
    .with {
      $0.task = task.proto
      $0.call = call.proto
      $0.digest = digest.data
      $0.server = server.value.data
      $0.reason = .init(rawValue: Int(reason.rawValue)) ?? .unknown
      $0.detail = detail
    }
  }
}

extension Lost {
  var proto: Rpcv_Records_Lost {
    .with {
      $0.task = task.proto
      $0.call = call.proto
      $0.digest = digest.data
    }
  }
}

extension Cancelled {
  var proto: Rpcv_Records_Cancelled {
    .with {
      $0.call = call.proto
      $0.digest = digest.data
    }
  }
}

extension Collected {
  var proto: Rpcv_Records_Collected {
    .with {
      $0.call = call.proto
      $0.digest = digest.data
      $0.result = result.data
    }
  }
}

extension SessionMode {
  var proto: Rpcv_Records_SessionMode { self == .keep ? .keep : .releaseOnCollection }
}

extension Opened {
  var proto: Rpcv_Records_Opened {
    .with {
      $0.session = session.proto
      $0.userText = userText
      $0.sessionText = sessionText
      $0.mode = mode.proto
    }
  }
}

extension Released {
  var proto: Rpcv_Records_Released {
    .with {
      $0.session = session.proto
      $0.ranges = ranges.map(\.proto)
    }
  }
}

extension Removed {
  var proto: Rpcv_Records_Removed { .with { $0.node = node.value.data } }
}

extension Alive {
  var proto: Rpcv_Records_Alive {
    .with {
      $0.node = node.value.data
      $0.count = count
    }
  }
}
