import Glibc

/// What stands behind a descriptor: a person's terminal, or a pipe that wants no decoration.
enum Terminal {
  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// Whether lines may be redrawn there: not in a pipe, and not where the terminal can't.
  static func canRedraw(_ descriptor: Int32) -> Bool {
    isTerminal(descriptor) && getenv("TERM").map { String(cString: $0) } != "dumb"
  }

  /// Columns; 80 where nobody says.
  static func width(_ descriptor: Int32) -> Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
