import LogStore

/// The hash of a user's name: a name finds its sessions from any machine.
public struct UserID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: ID128
  public init(_ value: ID128) { self.value = value }
  public static func < (a: UserID, b: UserID) -> Bool { a.value < b.value }
  public var description: String { value.description }
}

/// The hash of a session's name, or random for a nameless one.
public struct SessionID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: ID128
  public init(_ value: ID128) { self.value = value }
  public static func < (a: SessionID, b: SessionID) -> Bool { a.value < b.value }
  public var description: String { value.description }
}

public struct SessionName: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var user: UserID
  public var session: SessionID
  public init(user: UserID, session: SessionID) {
    self.user = user
    self.session = session
  }
  public static func < (a: SessionName, b: SessionName) -> Bool {
    (a.user, a.session) < (b.user, b.session)
  }
  public var description: String { "\(user)/\(session)" }
}

/// The client's timestamp (paper, 4.2): contiguous from 1 in a session.
public struct CallCounter: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  /// Before the first call.
  public static let zero = CallCounter(0)
  /// The greatest that a record may bear, so that `next` can't overflow on any input.
  public static let greatest = CallCounter(UInt64(Int64.max))
  public static func < (a: CallCounter, b: CallCounter) -> Bool { a.value < b.value }
  public var next: CallCounter { CallCounter(value + 1) }
  public var description: String { String(value) }
}

public struct CallName: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var session: SessionName
  public var counter: CallCounter
  public init(session: SessionName, counter: CallCounter) {
    self.session = session
    self.counter = counter
  }
  public static func < (a: CallName, b: CallName) -> Bool {
    (a.session, a.counter) < (b.session, b.counter)
  }
  public var description: String { "\(session)/\(counter)" }
}

/// What a call asks for, hashed (DESIGN: service, version, arguments, hashes of inputs,
/// environment).
public typealias Digest = Hash256

/// A file tree as one canonical stream, named by its SHA-256.
public typealias ArchiveID = Hash256

/// One attempt at a call on one server. Drawn by the coordinator's core, never drawn twice.
public struct TaskName: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var node: NodeID
  /// Of the segment opened at the coordinator's start.
  public var start: Nonce
  public var counter: UInt64
  public init(node: NodeID, start: Nonce, counter: UInt64) {
    self.node = node
    self.start = start
    self.counter = counter
  }
  public static func < (a: TaskName, b: TaskName) -> Bool {
    (a.node, a.start, a.counter) < (b.node, b.start, b.counter)
  }
  public var description: String { "\(node.short)-\(start)-\(counter)" }
}
