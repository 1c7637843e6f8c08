import RolesCore

// How summaries look: rows of tables, and JSON objects with stable keys.

extension SessionSummary {
  static func table(_ rows: [SessionSummary]) -> String {
    guard !rows.isEmpty else { return "no sessions\n" }
    var table = TextTable([
      .left("SESSION"), .left("USER"), .right("PENDING"), .right("RUNNING"), .right("FINISHED"),
      .right("FAILED"), .right("CANCELLED"), .right("COLLECTED"), .right("RELEASED"),
    ])
    for row in rows {
      let counts = [
        row.pending, row.assigned, row.finished, row.failed, row.cancelled, row.collected,
      ]
      table.add(
        [row.sessionText, row.userText] + counts.map(String.init)
          + [row.isEnded ? "all" : String(row.released)])
    }
    return table.text()
  }

  var json: JSON {
    .object([
      ("session", .string(sessionText)), ("user", .string(userText)),
      ("id", .string("\(name)")), ("pending", .uint(pending)), ("running", .uint(assigned)),
      ("finished", .uint(finished)), ("failed", .uint(failed)), ("cancelled", .uint(cancelled)),
      ("collected", .uint(collected)), ("released", isEnded ? .null : .uint(released)),
      ("ended", .bool(isEnded)),
    ])
  }
}

extension CallSummary {
  static func table(_ rows: [CallSummary]) -> String {
    guard !rows.isEmpty else { return "no calls: none was submitted, or all are released\n" }
    var table = TextTable([
      .right("CALL"), .left("STATE"), .right("TRIES"), .right("FAILURES"), .right("EXIT"),
      .left("HOST"), .left("COMMAND"),
    ])
    for row in rows {
      let exit =
        row.state >= .finished
        ? (row.signal > 0 ? "signal \(row.signal)" : "\(row.exitStatus)") : ""
      table.add([
        "\(row.call.counter)", "\(row.state)", "\(row.tasks)", "\(row.failures)", exit, row.host,
        row.command,
      ])
    }
    return table.text()
  }

  var json: JSON {
    .object([
      ("call", .uint(call.counter.value)), ("state", .string("\(state)")), ("tasks", .uint(tasks)),
      ("failures", .uint(failures)), ("exit", .uint(exitStatus)), ("signal", .uint(signal)),
      ("microseconds", .uint(duration)), ("host", .string(host)), ("command", .string(command)),
    ])
  }
}

extension GridSummary {
  func text(from address: String) -> String {
    var coordinatorTable = TextTable([
      .left("COORDINATOR"), .left("NODE"), .left("STATE"), .right("LAG"), .right("HEARD"),
    ])
    for row in coordinators {
      var states = row.isSelf ? ["answers here"] : [row.suspected ? "suspected" : "alive"]
      if row.isSuccessor { states.append("successor") }
      if row.isPredecessor { states.append("predecessor") }
      let heard =
        row.isSelf
        ? "" : row.lastHeard.map { Format.duration(.milliseconds(Int64($0))) + " ago" } ?? "never"
      coordinatorTable.add([
        row.address, row.node?.short ?? "?", states.joined(separator: ", "),
        row.isSuccessor ? Format.size(row.lagBytes) : "", heard,
      ])
    }
    var serverTable = TextTable([
      .left("SERVER"), .left("HOST"), .right("SLOTS"), .right("TASKS"), .left("STATE"),
      .right("HEARD"),
    ])
    for row in servers {
      serverTable.add([
        row.server.short, row.host, "\(row.slots)", "\(row.running)", row.stateText, row.heardText,
      ])
    }
    var text =
      "As \(address) sees it: \(segments) \(segments == 1 ? "segment" : "segments"), "
      + "\(Format.size(bytes))\n\n"
    text += coordinatorTable.text() + "\n"
    text += servers.isEmpty ? "no servers\n" : serverTable.text()
    for warning in warnings { text += "\nwarning: \(warning)\n" }
    return text
  }

  var json: JSON {
    .object([
      ("segments", .uint(segments)), ("bytes", .uint(bytes)),
      (
        "coordinators",
        .array(
          coordinators.map { row in
            .object([
              ("address", .string(row.address)),
              ("node", row.node.map { .string("\($0)") } ?? .null),
              ("self", .bool(row.isSelf)), ("suspected", .bool(row.suspected)),
              ("successor", .bool(row.isSuccessor)), ("predecessor", .bool(row.isPredecessor)),
              ("lagBytes", .uint(row.lagBytes)),
              ("heardMs", row.lastHeard.map { .uint($0) } ?? .null),
            ])
          })
      ),
      (
        "servers",
        .array(servers.map { .object($0.members) })
      ),
      ("warnings", .array(warnings.map { .string($0) })),
    ])
  }
}

extension ServerSummary {
  var stateText: String { suspected ? "suspected" : "alive" }
  var heardText: String {
    Format.duration(.milliseconds(Int64(clamping: lastHeard))) + " ago"
  }

  var members: [(key: String, value: JSON)] {
    [
      ("node", .string("\(server)")), ("host", .string(host)), ("slots", .uint(slots)),
      ("tasks", .uint(running)), ("suspected", .bool(suspected)), ("heardMs", .uint(lastHeard)),
    ]
  }
}
