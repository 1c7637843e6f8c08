// The exit statuses, one place for all modes. docs/LOGDUMP.md documents them; they don't change.

enum Status {
  static let fine: Int32 = 0
  /// Torn tails only: never durable, the next start cuts them off.
  static let torn: Int32 = 1
  /// Durable bytes are damaged or missing.
  static let damaged: Int32 = 2
  /// The two directories differ.
  static let different: Int32 = 3
  static let usage: Int32 = 64
  /// There is no log at the path.
  static let noLog: Int32 = 66
  /// The directory to be made is there already.
  static let exists: Int32 = 73
  /// Something can't be read or written.
  static let unreadable: Int32 = 74
  /// Another process has the directory.
  static let inUse: Int32 = 75
}

/// A refusal with its exit status.
struct Denial: Error, Equatable {
  var status: Int32
  var text: String
}
