import LogStore
import ReplicationTransport
import RolesNode

/// What a node's process is started with.
public struct NodeConfiguration: Sendable {
  /// The node's directory; made if it is missing.
  public var directory: String
  public var settings: NodeSettings
  /// Where the coordinator listens; nil listens nowhere (an embedded grid, a server, a client).
  public var listen: HostPort?
  public var transport = TransportSettings()
  /// Set: tasks run in this directory with this process's environment, as a shell would run them
  /// (the embedded grid). Nil: each has a scratch directory of its own and the passed environment
  /// only.
  public var tasksRunIn: String?

  public init(directory: String, settings: NodeSettings) {
    self.directory = directory
    self.settings = settings
  }
}

/// Why a node can't start. The data is as it was.
public enum NodeError: Error, Sendable, CustomStringConvertible {
  case log(LogError)
  case transport(TransportError)
  case system(SystemFailure)

  public var description: String {
    switch self {
    case .log(let error): "\(error)"
    case .transport(let error): "\(error)"
    case .system(let error): "\(error)"
    }
  }
}

/// What a node tells its owner, on the node's thread: hand over and return.
public struct NodeEvents: Sendable {
  /// The client's news for its application.
  public var onClient: @Sendable (ClientNews) -> Void
  /// For the operator's log.
  public var onNote: @Sendable (String) -> Void
  /// The same, but what a person who waits should see at once.
  public var onWarning: @Sendable (String) -> Void
  /// The node has stopped by itself and must be started anew; why.
  public var onEnd: @Sendable (NodeEnd) -> Void

  public init(
    onClient: @escaping @Sendable (ClientNews) -> Void = { _ in },
    onNote: @escaping @Sendable (String) -> Void = { _ in },
    onWarning: (@Sendable (String) -> Void)? = nil,
    onEnd: @escaping @Sendable (NodeEnd) -> Void = { _ in }
  ) {
    self.onClient = onClient
    self.onNote = onNote
    self.onWarning = onWarning ?? onNote
    self.onEnd = onEnd
  }
}

public enum NodeEnd: Hashable, Sendable {
  /// The log's disk failed, or a copy is damaged: recovery at the next start mends what can be
  /// mended.
  case needsRecovery(String)
  /// It has taken a new identity, because another node bears the old one.
  case renewed(String)
}
