import LogStore
import RolesCore

// Where a user's nodes keep their directories, and what sessions are called there.

enum StateDirectory {
  /// `XDG_STATE_HOME`/rpcv, else ~/.local/state/rpcv.
  static func root(_ environment: [String: String]) throws(CommandError) -> String {
    if let path = environment["XDG_STATE_HOME"], !path.isEmpty { return path + "/rpcv" }
    guard let home = environment["HOME"], !home.isEmpty else {
      throw CommandError(
        .configuration,
        "neither HOME nor XDG_STATE_HOME is set; say --directory where to keep state")
    }
    return home + "/.local/state/rpcv"
  }

  /// The directory of one client's session: readable, and distinct for distinct names.
  static func session(_ root: String, user: String, session: String) -> String {
    let readable = (user + "-" + session).map { character in
      character.isASCII && (character.isLetter || character.isNumber || "-._".contains(character))
        ? character : "_"
    }
    let hash = ID128(hashing: "\(user.utf8.count):\(user)\(session)").description.prefix(8)
    return "\(root)/sessions/\(String(readable.prefix(100)))-\(hash)"
  }
}

/// Why a command ends without having done what it was asked to; printed as one line.
struct CommandError: Error, CustomStringConvertible {
  var status: ExitStatus
  var description: String
  init(_ status: ExitStatus, _ description: String) {
    self.status = status
    self.description = description
  }
}
