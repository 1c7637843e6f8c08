import LogStore
import RolesCore

// What all coordinators say of the grid, put together: whose answer counts where they differ, and
// who suspects whom. One coordinator's own view is GridSummary's business.

struct GridReport: Sendable {
  struct Coordinator: Sendable {
    var address: String
    var node: NodeID?
    /// Its own view; nil if it did not answer.
    var view: GridSummary?
    /// Why it did not.
    var reason = ""
    /// Addresses of those that suspect it.
    var suspectedBy: [String] = []

    /// Whom it ships to, as it says itself.
    var successor: CoordinatorSummary? { view?.coordinators.first(where: \.isSuccessor) }
  }

  struct Server: Sendable {
    /// As the coordinator says that heard it last.
    var summary: ServerSummary
    /// That coordinator's address.
    var coordinator: String
  }

  private(set) var coordinators: [Coordinator] = []
  private(set) var servers: [Server] = []
  private(set) var warnings: [(coordinator: String, text: String)] = []

  init(_ answers: [GridSurvey.Answer]) {
    for answer in answers { add(answer) }
    for row in coordinators {
      for other in row.view?.coordinators ?? [] where !other.isSelf { add(other, by: row.address) }
      for server in row.view?.servers ?? [] { add(server, by: row.address) }
      for text in row.view?.warnings ?? [] { warnings.append((row.address, text)) }
    }
    servers.sort { $0.summary.server < $1.summary.server }
  }

  var isAnswered: Bool { coordinators.contains { $0.view != nil } }

  private mutating func add(_ answer: GridSurvey.Answer) {
    var row = Coordinator(address: answer.address, view: answer.view, reason: answer.reason)
    if let own = answer.view?.own {
      // Asked by two of its addresses it is still one.
      guard !coordinators.contains(where: { $0.node == own.node && $0.node != nil }) else { return }
      row.address = own.address
      row.node = own.node
    }
    coordinators.append(row)
  }

  /// What one coordinator says of another one.
  private mutating func add(_ other: CoordinatorSummary, by teller: String) {
    let index: Int
    if let same = coordinators.firstIndex(where: { $0.node != nil && $0.node == other.node }) {
      index = same
    } else if let same = coordinators.firstIndex(where: {
      $0.address == other.address && ($0.node == nil || other.node == nil)
    }) {
      index = same
    } else {
      // Its address was asked for another node, or there were too many to ask.
      let isTaken = coordinators.contains { $0.address == other.address }
      index = coordinators.count
      coordinators.append(
        Coordinator(
          address: other.address, reason: isTaken ? "another node has its address" : "not asked"))
    }
    if coordinators[index].node == nil { coordinators[index].node = other.node }
    if other.suspected { coordinators[index].suspectedBy.append(teller) }
  }

  private mutating func add(_ server: ServerSummary, by teller: String) {
    let row = Server(summary: server, coordinator: teller)
    guard let known = servers.firstIndex(where: { $0.summary.server == server.server }) else {
      return servers.append(row)
    }
    if server.lastHeard < servers[known].summary.lastHeard { servers[known] = row }
  }
}

extension GridReport {
  var text: String {
    let silent = coordinators.count { $0.view == nil }
    var text =
      silent == 0
      ? ""
      : "\(silent) of \(coordinators.count) coordinators \(silent == 1 ? "does" : "do") "
        + "not answer\n\n"
    text += coordinatorTable.text() + "\n"
    text += servers.isEmpty ? "no servers\n" : serverTable.text()
    let reasons = coordinators.filter { $0.view == nil }
    if !reasons.isEmpty { text += "\n" }
    for row in reasons { text += "no answer from \(row.address): \(row.reason)\n" }
    if !warnings.isEmpty { text += "\n" }
    for warning in warnings { text += "warning: \(warning.coordinator): \(warning.text)\n" }
    return text
  }

  private var coordinatorTable: TextTable {
    var table = TextTable([
      .left("COORDINATOR"), .left("NODE"), .left("STATE"), .left("SUSPECTED BY"),
      .left("SUCCESSOR"), .right("LAG"), .right("BYTES"),
    ])
    for row in coordinators {
      table.add([
        row.address, row.node?.short ?? "?", row.view == nil ? "no answer" : "answers",
        row.suspectedBy.joined(separator: ", "), row.successor?.address ?? "",
        row.successor.map { Format.size($0.lagBytes) } ?? "",
        row.view.map { Format.size($0.bytes) } ?? "",
      ])
    }
    return table
  }

  private var serverTable: TextTable {
    var table = TextTable([
      .left("SERVER"), .left("HOST"), .right("SLOTS"), .right("TASKS"), .left("STATE"),
      .left("COORDINATOR"), .right("HEARD"),
    ])
    for row in servers {
      let server = row.summary
      table.add([
        server.server.short, server.host, "\(server.slots)", "\(server.running)", server.stateText,
        row.coordinator, server.heardText,
      ])
    }
    return table
  }

  var json: JSON {
    .object([
      ("coordinators", .array(coordinators.map(\.json))),
      (
        "servers",
        .array(
          servers.map { .object($0.summary.members + [("coordinator", .string($0.coordinator))]) })
      ),
      (
        "warnings",
        .array(
          warnings.map {
            .object([("coordinator", .string($0.coordinator)), ("text", .string($0.text))])
          })
      ),
    ])
  }
}

extension GridReport.Coordinator {
  fileprivate var json: JSON {
    .object([
      ("address", .string(address)), ("node", node.map { .string("\($0)") } ?? .null),
      ("answers", .bool(view != nil)), ("reason", view == nil ? .string(reason) : .null),
      ("suspectedBy", .array(suspectedBy.map { .string($0) })),
      ("successor", successor.map { .string($0.address) } ?? .null),
      ("lagBytes", successor.map { .uint($0.lagBytes) } ?? .null),
      ("segments", view.map { .uint($0.segments) } ?? .null),
      ("bytes", view.map { .uint($0.bytes) } ?? .null),
    ])
  }
}
