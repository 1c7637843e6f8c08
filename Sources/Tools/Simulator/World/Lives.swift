import LogStore
import ReplicationCore
import RolesCore
import RolesNode

// Starts and deaths of nodes. A killed process loses its memory and nothing that it wrote; a power
// cut leaves a crash image of the disk; both may strike in the middle of any disk operation.

extension World {
  enum Death: Hashable {
    /// F1.
    case kill
    /// F3.
    case powerCut
    /// F4: the disk is lost too.
    case wipe
  }

  /// Runs what touches a node's disk. Nil if the node died in it.
  func onDisk<R>(of node: Int, _ body: () -> R) -> R? {
    guard let plan = nodes[node].diesIn else { return body() }
    let disk = nodes[node].disk
    let before = disk.operationCount
    disk.photograph(beforeOperations: [before + plan.operations])
    let result = body()
    disk.photograph(beforeOperations: [])
    if let photo = disk.takePhotographs().first?.disk {
      nodes[node].diesIn = nil
      statistics.cutsInOperation += 1
      die(node, plan.isPowerCut ? .powerCut : .kill, leaving: photo)
      return nil
    }
    nodes[node].diesIn?.operations -= disk.operationCount - before
    return result
  }

  func start(_ node: Int) {
    guard nodes[node].engine == nil, !nodes[node].isGone else { return }
    nodes[node].life += 1
    nodes[node].isPowered = true
    nodes[node].restartAt = nil
    let life = nodes[node].life
    var throwing = dice.fork()
    let opened = onDisk(of: node) { open(node, &throwing) }
    switch opened {
    case nil: return
    case .failure(let error)?:
      violate("I10", "\(nodes[node].name) can't start: \(error)")
    case .success(let (directory, engine, first))?:
      guard nodes[node].life == life else { return }
      nodes[node].directory = directory
      nodes[node].engine = engine
      nodes[node].identity = engine.facts.node
      nodes[node].firstSerials = [
        .facts: engine.facts.openSegment.serial, .archives: engine.archives.log.openSegment.serial,
      ]
      trace.add(UInt64(node), UInt64(life), engine.facts.startNonce.value)
      say("\(nodes[node].name) starts, life \(life), node \(engine.facts.node.short)")
      checkRecovered(node)
      carryOut(first, of: node)
      if case .client(let client) = nodes[node].role { launch(client) }
    }
  }

  private typealias Opened = (NodeDirectory, NodeEngine, [NodeOutput])

  private func open(_ node: Int, _ throwing: inout Dice) -> Result<Opened, LogError> {
    do throws(LogError) {
      let fs = nodes[node].disk
      let directory = try NodeDirectory.open(SimulatedNode.path, on: fs, entropy: &throwing)
      let (engine, first) = try NodeEngine.open(
        directory, on: fs, settings: settings(of: node), dice: &throwing, at: now)
      return .success((directory, engine, first))
    } catch {
      return .failure(error)
    }
  }

  /// The death of a node's process. `photo` is its disk at the moment, if that is past.
  func die(_ node: Int, _ death: Death, leaving photo: SimulatedDisk? = nil) {
    guard !nodes[node].isGone else { return }
    if nodes[node].isRunning {
      noteSegments(of: node)
      forgetExchanges(of: node, isSilent: death != .kill)
    }
    nodes[node].engine = nil
    nodes[node].directory = nil
    nodes[node].life += 1
    nodes[node].wakeAt = nil
    nodes[node].diesIn = nil
    nodes[node].committing = []
    nodes[node].commitAgain = []
    nodes[node].running = [:]
    nodes[node].isPowered = death == .kill
    let disk = photo ?? nodes[node].disk
    switch death {
    case .kill:
      statistics.kills += 1
      nodes[node].disk = disk.killImage()
    case .powerCut:
      statistics.powerCuts += 1
      nodes[node].disk = disk.crashImage(seed: dice.next())
    case .wipe:
      statistics.disksLost += 1
      truth.lost(nodes[node].diskNumber, wasCoordinator: nodes[node].role == .coordinator)
      nodes[node].disk = SimulatedDisk()
      nodes[node].diskNumber = nodes.count + draw()
    }
    trace.add(UInt64(node), 77, now.nanoseconds)
    let moment = photo == nil ? "" : ", in the middle of an operation"
    say("\(nodes[node].name) dies: \(death)\(moment)")
    restartLater(node, in: dice.skewed(20_000...8_000_000))
  }

  func restartLater(_ node: Int, in span: Duration) {
    let due = now + span
    nodes[node].restartAt = due
    queue.add(.restart(node, life: nodes[node].life), at: due)
  }

  func restart(_ node: Int, _ life: Int) {
    guard nodes[node].life == life, nodes[node].engine == nil else { return }
    if case .client = nodes[node].role { statistics.relaunches += 1 }
    start(node)
  }

  /// Another bears this identity, or the node believes so: it goes on as a new one.
  func renew(_ node: Int, _ reason: String) {
    guard nodes[node].role == .server else {
      return violate("I2", "\(nodes[node].name) takes itself for a clone: \(reason)")
    }
    var throwing = dice.fork()
    do throws(LogError) { _ = try nodes[node].directory?.renew(entropy: &throwing) } catch {
      return violate("I10", "\(nodes[node].name) can't take a new identity: \(error)")
    }
    say("\(nodes[node].name) takes a new identity: \(reason)")
    die(node, .kill)
  }

  // MARK: - Settings

  /// Short times, so that much happens; small segments, so that they roll.
  func settings(of node: Int) -> NodeSettings {
    var settings = NodeSettings()
    let addresses = coordinators.map { nodes[$0].address }
    settings.factsLog.segmentLimit = 12 << 10
    settings.factsLog.reserve = 64 << 10
    settings.factsLog.plantedBugs = scenario.bugs.log
    settings.archivesLog = settings.factsLog
    settings.archivesLog.segmentLimit = 64 << 10
    settings.drain.grace = 3_000_000_000
    settings.drain.recheck = 500_000_000
    settings.drain.stepBytes = 16 << 10
    settings.drain.surveyLeast = 4 << 10
    settings.drain.idleLeast = 1
    settings.drain.idleAfter = 2_000_000_000
    settings.drain.surveyEvery = 10_000_000_000
    settings.drain.sealLeast = 2 << 10
    settings.drain.plantedBugs = scenario.bugs.drain
    settings.orphanAge = .seconds(20)
    settings.lostAfter = .seconds(15)
    if let adoptAfter = scenario.adoptAfter { settings.adoptAfter = adoptAfter }
    settings.wallTime = 1_700_000_000_000 + now.nanoseconds / 1_000_000
    switch nodes[node].role {
    case .coordinator:
      settings.address = nodes[node].address
      settings.coordinators = addresses
      settings.coordinator = coordinatorSettings
      settings.replication = replicationSettings
    case .server:
      settings.coordinators = addresses.rotated(by: node)
      var server = ServerSettings()
      server.heartbeat = .milliseconds(300)
      server.suspicion = .seconds(2)
      server.logRetry = .milliseconds(200)
      server.plantedBugs = scenario.bugs.server
      let offer = Server.Offer(slots: 2, prefetch: 1, services: ["exec", "noop"])
      settings.server = (server, offer)
    case .client(let client):
      settings.coordinators = addresses.rotated(by: client)
      settings.client = programs[client].settings(run: programs[client].run)
      settings.client?.plantedBugs = scenario.bugs.client
    }
    return settings
  }

  private var coordinatorSettings: CoordinatorSettings {
    var settings = CoordinatorSettings()
    settings.suspicionTimeout = .seconds(2)
    settings.reportGrace = .seconds(1)
    settings.restartGrace = .seconds(8)
    settings.backOff = .milliseconds(100)
    settings.backOffLimit = .seconds(2)
    settings.retellAfter = .seconds(1)
    settings.plantedBugs = scenario.bugs.coordinator
    settings.ledgerBugs = scenario.bugs.ledger
    return settings
  }

  private var replicationSettings: ReplicationSettings {
    var settings = ReplicationSettings()
    settings.heartbeatPeriod = .milliseconds(300)
    settings.suspicionTimeout = .seconds(2)
    settings.firstTimeout = .seconds(1)
    settings.probeEvery = .seconds(1)
    settings.chunkLimit = 4 << 10
    settings.windowLimit = 16 << 10
    settings.windowFloor = 2 << 10
    settings.acknowledgementDelay = .milliseconds(300)
    settings.plantedBugs = scenario.bugs.replication
    return settings
  }
}

extension Array {
  func rotated(by count: Int) -> [Element] {
    guard !isEmpty else { return self }
    let start = count % self.count
    return Array(self[start...] + self[..<start])
  }
}
