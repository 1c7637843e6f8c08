/// The text of `rpcv map --help`, made of the option table.
enum MapHelp {
  static var text: String {
    """
    rpcv map runs a command once for every argument, on the machines of a grid or, with no
    coordinator configured, on this one. Nothing that was accepted is lost: the same
    --session goes on after any crash and prints what is missing.

      rpcv map [options] 'command {}' ::: argument ...
      rpcv map [options] 'command {}' :::: file ...
      ... | rpcv map [options] 'command {}'

    In the command
      {}    the argument               {.}   without its extension
      {/}   its last component         {//}  its folder
      {/.}  both: name, no extension   {#}   the job's number
      {2}   the second source's        {-1}  the last one's; {2/.} and so on
      {%}   the number of the slot that runs the job (RPCV_SLOT in its environment)

    Arguments
    \(section(MapOption.input))
    Running
    \(section(MapOption.execution))
    Printing
    \(section(MapOption.output))
    The grid (`rpcv help settings` tells more)
    \(section(MapOption.settings))
    It ends with 0 if every job succeeded, else with the number of failed jobs (101 for more
    than 100), or with 255 if the run itself could not go on.

    """
  }

  private static let nameWidth = 28
  private static let lineWidth = 90

  /// Names on the left, the help wrapped on the right; below the names where these are long.
  private static func section(_ options: [MapOption]) -> String {
    options.map { option in
      var names = "  " + option.names.joined(separator: ", ")
      if case .value(let form, _) = option.action { names += " " + form }
      let lines = wrapped(option.help, lineWidth - nameWidth)
      let margin = String(repeating: " ", count: nameWidth)
      if names.count < nameWidth {
        let first = names + String(repeating: " ", count: nameWidth - names.count)
        return first + lines.joined(separator: "\n" + margin) + "\n"
      }
      return ([names] + lines.map { margin + $0 }).joined(separator: "\n") + "\n"
    }.joined()
  }

  private static func wrapped(_ text: String, _ width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      let last = lines[lines.count - 1]
      if last.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if last.count + 1 + word.count <= width {
        lines[lines.count - 1] += " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
