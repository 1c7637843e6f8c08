import Glibc
import LogStore
import RolesCore
import RolesShell

// What a run prints: outputs grouped and in order if asked, the job log, the progress line. It
// promises that a call is given back as collected only after its output was written.

struct MapPrinter {
  private struct Output: Sendable {
    var job: Job
    var outcome: JobOutcome
    var result: CallResult
    var stdout: [Bytes]
    var stderr: [Bytes]
  }

  private let options: MapOptions
  private let template: CommandTemplate
  private var assembler: OutputAssembler<Output>
  private var model = ProgressModel()
  private var painter: ProgressPainter
  private let joblog: FileSink?
  private let out = FileSink.standardOutput()
  private let err = FileSink.standardError()
  private let start = Signal.now()
  private let showsSummary: Bool

  init(_ options: MapOptions, _ template: CommandTemplate) throws {
    self.options = options
    self.template = template
    assembler = OutputAssembler(keepsOrder: options.keepsOrder)
    joblog = try options.joblog.map { try FileSink(creating: $0) }
    try joblog?.write(JobLog.header)
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
    _ job: Job, _ outcome: JobOutcome, _ result: CallResult, _ bytes: (Blob) throws -> [Bytes]
  ) throws -> [(CallCounter, Hash256)] {
    model.ended(outcome, at: elapsed)
    let output = Output(
      job: job, outcome: outcome, result: result, stdout: try bytes(result.stdout),
      stderr: try bytes(result.stderr))
    return try print(assembler.finished(job.number, output))
  }

  /// A job without output; `outcome` nil if an earlier run printed it.
  mutating func skipped(
    _ number: Int, _ outcome: JobOutcome?
  ) throws -> [(CallCounter, Hash256)] {
    model.ended(outcome ?? .exited(0), at: elapsed)
    return try print(assembler.skipped(number))
  }

  mutating func finish() {
    try? err.write(painter.clear())
    if showsSummary, elapsed > .seconds(2) {
      try? err.write(Array((model.summary(at: elapsed) + "\n").utf8))
    }
  }

  private mutating func print(
    _ ready: [(number: Int, output: Output)]
  ) throws -> [(CallCounter, Hash256)] {
    if !ready.isEmpty { try? err.write(painter.clear()) }
    var done: [(CallCounter, Hash256)] = []
    for (number, output) in ready {
      try write(output)
      done.append((CallCounter(UInt64(number)), output.result.hash))
    }
    return done
  }

  private func write(_ output: Output) throws {
    if options.showsCommands { try out.write(template.commandLine(output.job) + [10]) }
    if let results = options.results { try save(output, try results.files(output.job)) }
    let tag = options.tag.map { $0.expand(output.job) }
    var outTagger = LineTagger(tag: tag)
    for chunk in output.stdout { try out.write(outTagger.tagged(chunk)) }
    var errTagger = LineTagger(tag: tag)
    for chunk in output.stderr { try err.write(errTagger.tagged(chunk)) }
    let received =
      output.stdout.reduce(0) { $0 + $1.count } + output.stderr.reduce(0) { $0 + $1.count }
    try joblog?.write(
      JobLog.line(
        JobLog.Entry(
          number: output.job.number, host: output.result.host, started: output.result.started,
          runtime: output.result.duration, bytesSent: 0, bytesReceived: UInt64(received),
          outcome: output.outcome, command: template.commandLine(output.job))))
  }

  /// Each file appears whole or not at all: written beside its place and renamed.
  private func save(_ output: Output, _ files: ResultsLayout.Files) throws {
    let contents = [
      (files.stdout, output.stdout), (files.stderr, output.stderr),
      (files.seq, [Bytes(String(output.job.number).utf8)]),
    ]
    for (path, chunks) in contents {
      try FileSink.createFolders(above: path)
      let temporary = path + Array(".part".utf8)
      let file = try FileSink(creating: temporary)
      for chunk in chunks { try file.write(chunk) }
      let code = temporary.withPath { from in path.withPath { to in rename(from, to) } }
      guard code == 0 else {
        throw FileSink.Failure.failed(path: text(path), reason: errnoText(errno))
      }
    }
  }
}
