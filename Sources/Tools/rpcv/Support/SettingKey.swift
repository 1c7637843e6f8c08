/// Everything that can be configured, in one place: the key in the file, the flag and the variable
/// follow from one name. Flags stand over the environment, the environment over the file.
enum SettingKey: String, CaseIterable, Sendable {
  case coordinators
  case listen
  case user
  case directory
  case slots
  case strategy
  case copies
  case heartbeat
  case suspicion
  case sync
  case capacity
  case archives
  case adoptAfter = "adopt-after"
  case logLevel = "log-level"

  var flag: String { "--\(rawValue)" }

  var variable: String { "RPCV_" + rawValue.uppercased().replacing("-", with: "_") }

  /// What the value looks like.
  var form: String {
    switch self {
    case .coordinators: "HOST:PORT,..."
    case .listen: "HOST:PORT"
    case .user: "NAME"
    case .directory: "DIR"
    case .slots: "N"
    case .strategy: "optimistic|blocking|non-blocking"
    case .copies: "1|2"
    case .heartbeat, .suspicion, .adoptAfter: "DURATION"
    case .sync: "always|group|interval:DURATION|never"
    case .capacity: "SIZE"
    case .archives: "ring|on-demand"
    case .logLevel: "notice|debug"
    }
  }

  var meaning: String {
    switch self {
    case .coordinators: "the coordinators to ask; none: `rpcv map` runs a grid of its own"
    case .listen: "where a coordinator listens (default: 127.0.0.1:7070)"
    case .user: "whose sessions these are (default: the login name)"
    case .directory: "where this node's logs are (default: below ~/.local/state/rpcv)"
    case .slots: "how many tasks a server runs at once (default: its cores)"
    case .strategy: "what a submission waits for (default: non-blocking)"
    case .copies: "at how many coordinators a call is before it is called safe (default: 2)"
    case .heartbeat: "how often a component says that it lives (default: 1s)"
    case .suspicion: "after what silence a component is suspected (default: 10s)"
    case .sync: "when logs are made durable (default: group)"
    case .capacity: "how large the logs may grow (default: no bound but the disk)"
    case .archives: "whether files replicate along the ring too (default: ring)"
    case .adoptAfter: "after what absence a coordinator's data is taken over (default: 24h)"
    case .logLevel: "debug: tell more on standard error (default: notice)"
    }
  }

  /// The text of `rpcv help settings`.
  static var table: String {
    var table = TextTable([.left("KEY"), .left("VALUE"), .left("MEANING")])
    for key in allCases { table.add([key.rawValue, key.form, key.meaning]) }
    return """
      A setting is taken from its flag (--log-level), else from its environment variable
      (RPCV_LOG_LEVEL), else from the file ~/.config/rpcv/config (or RPCV_CONFIG), which
      has lines of `key = value` and comments that begin with #.

      \(table.text())
      """
  }

  /// ` (did you mean 'x'?)` for a name that is one or two letters off.
  static func suggestion(for name: String) -> String {
    let near = allCases.map { ($0.rawValue, distance($0.rawValue, name)) }.min { $0.1 < $1.1 }
    guard let near, near.1 <= 2, near.1 < name.count else {
      return "; `rpcv help settings` lists them"
    }
    return " (did you mean '\(near.0)'?)"
  }

  /// Edits from one word to the other.
  private static func distance(_ a: String, _ b: String) -> Int {
    guard b.count <= 64 else { return .max }
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let change = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(change, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
