import Glibc
import LogStore
import ReplicationCore
import RolesCore
import RolesShell

// What a run prints: outputs grouped and in order if asked, the files that jobs left, the job log,
// the progress line. It promises that a call is given back as collected only after its output was
// written. It holds no output: what is large is fetched when its turn comes, part by part.

/// Hands over the bytes of an output, wherever they are.
typealias PartSource = (Blob, (Bytes) throws -> Void) throws -> Void

struct MapPrinter {
  private struct Output: Sendable {
    var job: Job
    var outcome: JobOutcome
    var result: CallResult
  }

  /// A job that was printed.
  struct Printed {
    var call: CallCounter
    var result: Hash256
    /// How it ended, with its files looked at.
    var outcome: JobOutcome
    /// Its files were no proper tree: it is not collected.
    var isSpoiled: Bool
    /// Whether it succeeded is known only now.
    var countsLate: Bool
  }

  private let options: MapOptions
  private let template: CommandTemplate
  private let outputs: MapOutputs
  private var assembler: OutputAssembler<Output>
  private var model = ProgressModel()
  private var painter: ProgressPainter
  private let joblog: JobLogFile?
  private let out = FileSink.standardOutput()
  private let err = FileSink.standardError()
  private let start = Signal.now()
  private let showsSummary: Bool

  init(_ options: MapOptions, _ template: CommandTemplate, _ outputs: MapOutputs) throws {
    self.options = options
    self.outputs = outputs
    self.template = template
    assembler = OutputAssembler(keepsOrder: options.keepsOrder)
    joblog = try options.joblog.map {
      try JobLogFile($0, keepsEarlier: options.session != nil)
    }
    let isOn =
      switch options.progress {
      case .on: true
      case .off: false
      case .automatic: Terminal.canRedraw(STDERR_FILENO)
      }
    painter = ProgressPainter(isOn: isOn)
    showsSummary = isOn
  }

  func mayStart(_ number: Int) -> Bool { assembler.mayStart(number) }

  private var elapsed: Duration { .nanoseconds(Int64(Signal.now() - start)) }

  mutating func draw(running: Int, isComplete: Bool) {
    model.running = running
    model.made = model.done + running
    model.total = isComplete ? model.made : nil
    guard elapsed > .seconds(1) else { return }
    if let frame = painter.frame(model, at: elapsed, width: Terminal.width(STDERR_FILENO)) {
      try? err.write(frame)
    }
  }

  mutating func note(_ text: String, isVerbose: Bool) {
    guard isVerbose else { return }
    try? err.write(painter.clear())
    complain(text)
  }

  mutating func finished(
    _ job: Job, _ outcome: JobOutcome, _ result: CallResult, _ parts: PartSource
  ) throws -> [Printed] {
    model.ended(outcome, at: elapsed)
    let output = Output(job: job, outcome: outcome, result: result)
    return try print(assembler.finished(job.number, output), parts)
  }

  /// A job without output; `outcome` nil if an earlier run printed it.
  mutating func skipped(
    _ number: Int, _ outcome: JobOutcome?, _ parts: PartSource
  ) throws -> [Printed] {
    model.ended(outcome ?? .exited(0), at: elapsed)
    return try print(assembler.skipped(number), parts)
  }

  /// Whether a job with this outcome is counted when it is printed, since its files decide.
  func countsLate(_ outcome: JobOutcome) -> Bool { outputs.areWanted && !outcome.hasFailed }

  /// A job that gave no result, in words and in the job log.
  mutating func gaveUp(_ job: Job, _ failed: Failed, _ text: String) throws {
    note(text, isVerbose: true)
    try joblog?.write(
      JobLog.Entry(
        number: job.number, host: failed.server.short, started: MonotonicClock.wallMilliseconds(),
        runtime: 0, bytesSent: 0, bytesReceived: 0, outcome: .notFinished,
        command: template.commandLine(job)))
  }

  mutating func finish() {
    try? err.write(painter.clear())
    if showsSummary, elapsed > .seconds(2) {
      try? err.write(Array((model.summary(at: elapsed) + "\n").utf8))
    }
  }

  private mutating func print(
    _ ready: [(number: Int, output: Output)], _ parts: PartSource
  ) throws -> [Printed] {
    if !ready.isEmpty { try? err.write(painter.clear()) }
    var done: [Printed] = []
    for (number, output) in ready {
      let files = try bringFiles(output, parts)
      let countsLate = countsLate(output.outcome)
      let outcome = countsLate && files != .there ? JobOutcome.notFinished : output.outcome
      if outcome != output.outcome { model.failedLate() }
      try write(output, outcome, parts)
      done.append(
        Printed(
          call: CallCounter(UInt64(number)), result: output.result.hash, outcome: outcome,
          isSpoiled: files == .spoiled, countsLate: countsLate))
    }
    return done
  }

  // MARK: one job

  private enum Files { case there, missing, spoiled }

  /// Files first: who reads that a job is done finds them.
  private func bringFiles(_ output: Output, _ parts: PartSource) throws -> Files {
    guard outputs.areWanted else { return .there }
    do {
      let missing = try outputs.bring(output.job, output.result.files, parts)
      // A command that failed is not asked for its files too.
      guard output.outcome == .exited(0), !missing.isEmpty else { return .there }
      for name in missing {
        complain(
          "job \(output.job.number) left no file '\(name)', which --out names: it has failed")
      }
      return .missing
    } catch let failure as MapOutputs.Failure {
      guard case .spoiled = failure else { throw failure }
      complain("job \(output.job.number): \(failure)")
      return .spoiled
    }
  }

  private func write(
    _ output: Output, _ outcome: JobOutcome, _ parts: PartSource
  ) throws {
    if options.showsCommands { try out.write(template.commandLine(output.job) + [10]) }
    let files = try options.results.map { try ResultsWriter(try $0.files(output.job)) }
    let tag = options.tag.map { $0.expand(output.job) }
    var received = 0
    var outTagger = LineTagger(tag: tag)
    try parts(output.result.stdout) { part in
      received += part.count
      try files?.stdout.write(part)
      try out.write(outTagger.tagged(part))
    }
    var errTagger = LineTagger(tag: tag)
    try parts(output.result.stderr) { part in
      received += part.count
      try files?.stderr.write(part)
      try err.write(errTagger.tagged(part))
    }
    try files?.finish(output.job.number)
    tellTrouble(output)
    try joblog?.write(
      JobLog.Entry(
        number: output.job.number, host: output.result.host, started: output.result.started,
        runtime: output.result.duration, bytesSent: 0,
        bytesReceived: UInt64(received) + output.result.files.size, outcome: outcome,
        command: template.commandLine(output.job)))
  }

  /// What neither the command's output nor its exit status says.
  private func tellTrouble(_ output: Output) {
    if case .signalled(let signal) = output.outcome {
      let name = strsignal(Int32(signal)).map { String(cString: $0) } ?? "unknown"
      complain("job \(output.job.number) was ended by signal \(signal) (\(name))")
    }
    let left = output.result.leftovers
    if left > 0 {
      complain(
        "job \(output.job.number) left \(left) process\(left == 1 ? "" : "es") behind: "
          + "\(left == 1 ? "it was" : "they were") killed")
    }
  }
}

/// The files of `--results` for one job. Each appears whole or not at all: written beside its place
/// and renamed.
private struct ResultsWriter {
  let stdout: FileSink
  let stderr: FileSink
  private let files: ResultsLayout.Files

  init(_ files: ResultsLayout.Files) throws {
    self.files = files
    stdout = try Self.create(files.stdout)
    stderr = try Self.create(files.stderr)
  }

  func finish(_ number: Int) throws {
    try Self.create(files.seq).write(Bytes(String(number).utf8))
    for path in [files.stdout, files.stderr, files.seq] {
      let code = Self.part(path).withPath { from in path.withPath { to in rename(from, to) } }
      guard code == 0 else {
        throw FileSink.Failure.failed(path: text(path), reason: reason(errno))
      }
    }
  }

  private static func part(_ path: Bytes) -> Bytes { path + Array(".part".utf8) }

  private static func create(_ path: Bytes) throws -> FileSink {
    try FileSink.createFolders(above: path)
    return try FileSink(creating: part(path))
  }
}

extension Blob {
  fileprivate var size: UInt64 {
    switch self {
    case .inline(let bytes): UInt64(bytes.count)
    case .archive(_, let size): size
    }
  }
}
