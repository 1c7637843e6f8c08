import ReplicationTransport

/// The settings of one run: flags over environment over file, each parsed where it is asked for,
/// with errors that tell where the value came from.
struct Settings: Sendable {
  /// Where a value stands.
  enum Origin: Equatable, Sendable, CustomStringConvertible {
    case flag(SettingKey)
    case environment(String)
    /// Line 0 stands for the file as a whole.
    case file(path: String, line: Int)
    var description: String {
      switch self {
      case .flag(let key): key.flag
      case .environment(let name): name
      case .file(let path, 0): path
      case .file(let path, let line): "\(path):\(line)"
      }
    }
  }

  private let flags: [SettingKey: String]
  private let environment: [String: String]
  private let file: ConfigFile?

  init(
    flags: [SettingKey: String] = [:], environment: [String: String] = [:],
    file: ConfigFile? = nil
  ) {
    self.flags = flags
    self.environment = environment
    self.file = file
  }

  /// The value as it was written. An empty environment variable counts as absent.
  func text(_ key: SettingKey) -> (value: String, origin: Origin)? {
    if let value = flags[key] { return (value, .flag(key)) }
    if let value = environment[key.variable], !value.isEmpty {
      return (value, .environment(key.variable))
    }
    guard let file, let entry = file[key] else { return nil }
    return (entry.value, .file(path: file.path, line: entry.line))
  }

  /// Parses the value with `parse`; nil if it was given nowhere.
  func value<Value>(_ key: SettingKey, _ parse: (String) throws(ParseError) -> Value)
    throws(SettingError) -> Value?
  {
    guard let (text, origin) = text(key) else { return nil }
    do {
      return try parse(text)
    } catch {
      throw SettingError(origin: origin, what: error.description)
    }
  }

  func addresses(_ key: SettingKey) throws(SettingError) -> [HostPort] {
    try value(key) { text throws(ParseError) in try HostPort.parseList(text) } ?? []
  }

  func duration(_ key: SettingKey, default standard: Duration) throws(SettingError) -> Duration {
    try value(key) { text throws(ParseError) in try Duration(parsing: text) } ?? standard
  }

  func size(_ key: SettingKey) throws(SettingError) -> ByteSize? {
    try value(key) { text throws(ParseError) in try ByteSize(parsing: text) }
  }

  func count(_ key: SettingKey, in range: ClosedRange<Int>, default standard: Int)
    throws(SettingError) -> Int
  {
    try value(key) { text throws(ParseError) in
      guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text),
        range.contains(number)
      else {
        throw ParseError(
          text: text, wanted: "a number from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    } ?? standard
  }

  /// One of the words that the key's form lists.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: SettingKey, default standard: Choice
  ) throws(SettingError) -> Choice where Choice.RawValue == String {
    try value(key) { text throws(ParseError) in
      guard let choice = Choice(rawValue: text) else {
        throw ParseError(
          text: text,
          wanted: "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
      }
      return choice
    } ?? standard
  }

  /// `RPCV_CONFIG`, else `rpcv/config` in `XDG_CONFIG_HOME` or `~/.config`. Only a file that was
  /// named must exist.
  static func configPath(_ environment: [String: String]) -> (path: String, mustExist: Bool)? {
    func set(_ name: String) -> String? {
      environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
    if let path = set("RPCV_CONFIG") { return (path, true) }
    if let folder = set("XDG_CONFIG_HOME") { return (folder + "/rpcv/config", false) }
    return set("HOME").map { ($0 + "/.config/rpcv/config", false) }
  }
}

/// A setting that can't be used: where it stands and what is wrong with it.
struct SettingError: Error, Equatable, CustomStringConvertible {
  let origin: Settings.Origin
  let what: String
  var description: String { "\(origin): \(what)" }
}
