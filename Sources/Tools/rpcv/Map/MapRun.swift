import Glibc
import LogStore
import ReplicationCore
import RolesCore
import RolesNode
import RolesShell
import Synchronization

// One run of `map`: submits jobs in a bounded window, prints results as they come, tells the client
// what was printed. It owns the run's state; order, progress and counting are pieces beside it. The
// k-th job is call k of the session: that is what makes a second run of the same words go on.

final class MapRun {
  private let options: MapOptions
  private let template: CommandTemplate
  private let jobs: JobSequence
  private let session: MapSession
  private let window: Int
  private let interrupts: Interrupts

  private var node: NodeShell?
  private var waiting: [CallCounter: Job] = [:]
  private var nextJob: Job?
  private var isExhausted = false
  private var mayStart = true
  private var halt: HaltWatch
  private var printer: MapPrinter
  private var progress = Client.Progress()
  private var hasSubmitted = false
  private var earlier = EarlierJobs()
  private var warned: Set<String> = []
  private var witness: SessionWitness?
  private var ended: EndedJobs?
  /// Of a run on a grid.
  private let watch: GridWatch?

  static func run(_ options: MapOptions, _ interrupts: Interrupts) throws -> UInt8 {
    let run = try MapRun(options, interrupts)
    return try run.work()
  }

  private init(_ options: MapOptions, _ interrupts: Interrupts) throws {
    self.options = options
    self.interrupts = interrupts
    template = try CommandTemplate(words: options.command, isQuoted: options.isQuoted)
    jobs = try JobSequence(options.sources, options: options.sequence)
    session = try MapSession(options) { interrupts.signal != nil }
    watch = session.watch
    window = max(1000, session.slots * 8)
    halt = HaltWatch(options.halt)
    printer = try MapPrinter(
      options, template, MapOutputs(options, mark: session.mark, isEmbedded: session.isEmbedded))
  }

  private func work() throws -> UInt8 {
    let queue = session.queue
    interrupts.onSignal { queue.wake() }
    try session.checkInputs()
    let node = try session.start()
    self.node = node
    defer {
      node.stop()
      if session.isNameless, !hasSubmitted { session.isFinished = true }
    }
    try SessionParameters(options).check(in: session.directory)
    witness = SessionWitness(in: session.directory)
    ended = EndedJobs(in: session.directory)
    nextJob = try jobs.next()
    isExhausted = nextJob == nil
    while !isDone {
      try submit(to: node)
      printer.draw(running: waiting.count, isComplete: isExhausted)
      watch?.look(
        calls: UInt64(waiting.count),
        "Ctrl-C is safe: the same words with --session \(session.name) go on.")
      let deadline = Signal.now() + 200_000_000
      do {
        for event in session.queue.take(until: deadline) { try handle(event, node) }
      } catch  where interrupts.signal != nil { return interrupted() }
      if interrupts.signal != nil { return interrupted() }
    }
    printer.finish()
    settle(node)
    if let text = earlier.text { complain(text) }
    return halt.exitStatus
  }

  private var isDone: Bool { waiting.isEmpty && (isExhausted || !mayStart) }

  private func submit(to node: NodeShell) throws {
    while mayStart, let job = nextJob, waiting.count < window, printer.mayStart(job.number) {
      let counter = CallCounter(UInt64(job.number))
      let spec = try session.spec(job, template.words(job), options, node)
      try witness?.check(spec)
      waiting[counter] = job
      node.tell(
        .submit(
          Client.Ticket(counter.value), spec, wallTime: MonotonicClock.wallMilliseconds()))
      hasSubmitted = true
      nextJob = try jobs.next()
      isExhausted = nextJob == nil
    }
  }

  // MARK: news

  private func handle(_ event: MapQueue.Event, _ node: NodeShell) throws {
    switch event {
    case .news(let news): try handle(news, node)
    case .note(let text): printer.note(text, isVerbose: session.isVerbose)
    case .warning(let text): warn(text)
    case .told(let text): printer.note(text, isVerbose: true)
    case .end(.needsRecovery(let reason)), .end(.renewed(let reason)):
      throw CommandError(
        .inputOutput,
        "\(reason). What was accepted is safe: run the same again with "
          + "--session \(session.name)")
    }
  }

  private func handle(_ news: ClientNews, _ node: NodeShell) throws {
    switch news {
    case .result(let call, let finished, _): try finish(call.counter, finished.result, node)
    case .exhausted(let call, let failed): try exhaust(call.counter, failed, node)
    case .submitted(_, let submission):
      let counter = submission.call.counter
      switch submission.known {
      case .released: try skip(counter...counter)
      case .cancelled: try skip(counter...counter, areCancelled: true)
      case .new, .resumed, .collected: break
      }
    case .released(let ranges):
      for range in ranges { try skip(range) }
    case .cancelled(let call): try skip(call.counter...call.counter, areCancelled: true)
    case .diverged(let divergence):
      throw CommandError(.usage, "\(divergence)")
    case .refused(_, let error): throw CommandError(.inputOutput, "\(error)")
    case .rejected(let call, let refusal):
      throw CommandError(.failure, "job \(call.counter) was refused: \(refusal)")
    case .progress(let progress): self.progress = progress
    case .suspect(let address):
      // Where there is no next one, the watch tells what is waited for.
      guard session.hasChoice else { return }
      warn("coordinator \(address) does not answer; trying the next one")
    case .conflict:
      printer.note("another run of this session is going on elsewhere", isVerbose: true)
    case .append, .load, .send, .abandon, .putArchive, .wakeAt, .note, .attached: break
    }
  }

  /// Once: a coordinator that is gone is tried again and again.
  private func warn(_ text: String) {
    guard warned.count < 1000, warned.insert(text).inserted else { return }
    printer.note(text, isVerbose: true)
  }

  private func finish(_ counter: CallCounter, _ result: CallResult, _ node: NodeShell) throws {
    guard let job = waiting.removeValue(forKey: counter) else { return }
    watch?.heard()
    let outcome: JobOutcome =
      result.signal != 0 ? .signalled(result.signal) : .exited(result.exitStatus)
    try collect(try printer.finished(job, outcome, result, parts(node)), node)
    if !printer.countsLate(outcome) { try count(outcome, node) }
  }

  private func exhaust(_ counter: CallCounter, _ failed: Failed, _ node: NodeShell) throws {
    guard let job = waiting.removeValue(forKey: counter) else { return }
    let reason = failed.detail.isEmpty ? failed.reason.text : failed.detail
    try printer.gaveUp(job, failed, "job \(job.number) failed for good: \(reason)")
    try collect(try printer.skipped(job.number, .notFinished, parts(node)), node)
    ended?.note(job.number, .failed)
    node.tell(.release([counter...counter]))
    try count(.notFinished, node)
  }

  private func parts(_ node: NodeShell) -> PartSource {
    { [session] blob, body in try session.forEachPart(of: blob, node, body) }
  }

  private func collect(_ printed: [MapPrinter.Printed], _ node: NodeShell) throws {
    for job in printed {
      if !job.isSpoiled {
        ended?.note(Int(job.call.value), job.outcome.hasFailed ? .failed : .succeeded)
        node.tell(.collect(job.call, result: job.result))
      }
      if job.countsLate { try count(job.outcome, node) }
    }
  }

  /// Calls whose results an earlier run has printed, or that were cancelled or given back.
  private func skip(_ range: ClosedRange<CallCounter>, areCancelled: Bool = false) throws {
    guard let node else { return }
    for counter in waiting.keys.filter({ range.contains($0) }).sorted() {
      guard let job = waiting.removeValue(forKey: counter) else { continue }
      skipped(job, isCancelled: areCancelled)
      try collect(try printer.skipped(job.number, nil, parts(node)), node)
    }
  }

  private func skipped(_ job: Job, isCancelled: Bool) {
    var end = ended?[job.number]
    if end == nil, isCancelled {
      end = .cancelled
      ended?.note(job.number, .cancelled)
    }
    switch end {
    case .succeeded: earlier.succeeded += 1
    case .failed: earlier.failed += 1
    case .cancelled: earlier.cancelled += 1
    case nil: earlier.unknown += 1
    }
    if let end { halt.endedBefore(end == .succeeded ? .exited(0) : .notFinished) }
  }

  private func count(_ outcome: JobOutcome, _ node: NodeShell) throws {
    switch halt.ended(outcome) {
    case .goOn: break
    case .startNoMore: mayStart = false
    case .cancelRunning:
      mayStart = false
      for job in waiting.values { ended?.note(job.number, .cancelled) }
      node.tell(.cancelAll)
      waiting = [:]
    }
  }

  // MARK: the end

  /// What was printed is known to be printed before this process ends: a second run is silent.
  private func settle(_ node: NodeShell) {
    guard hasSubmitted else { return }
    guard !session.isNameless || !session.isEmbedded else {
      // Nobody else has it, and all is printed: nothing has to be known of it.
      session.isFinished = true
      return
    }
    ended?.sync()
    node.tell(session.isNameless ? .endSession : .flush)
    let deadline = Signal.now() + (session.isEmbedded ? 2_000_000_000 : 5_000_000_000)
    while !isSettled, Signal.now() < deadline, interrupts.signal == nil {
      for event in session.queue.take(until: deadline) {
        if case .news(.progress(let progress)) = event { self.progress = progress }
      }
    }
    if isSettled, session.isNameless { session.isFinished = true }
  }

  private var isSettled: Bool {
    session.isNameless ? progress.isEnded : progress.isFlushing && progress.unheldControls == 0
  }

  private func interrupted() -> UInt8 {
    printer.finish()
    let left = isExhausted ? "\(waiting.count)" : "\(waiting.count) or more"
    complain(
      "interrupted with \(left) jobs to go; nothing is lost. Go on with the same words and "
        + "--session \(session.name)")
    return ExitStatus.interrupted.rawValue
  }
}
