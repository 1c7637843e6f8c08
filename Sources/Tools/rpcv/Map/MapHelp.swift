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
      {%}   the slot that runs it ($\(Template.slotVariable))

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

  private static func section(_ options: [MapOption]) -> String {
    var table = TextTable([.left(""), .left("")])
    for option in options {
      var names = option.names.joined(separator: ", ")
      if case .value(let form, _) = option.action { names += " " + form }
      table.add(["  " + names, option.help])
    }
    return table.text(withTitles: false)
  }
}
