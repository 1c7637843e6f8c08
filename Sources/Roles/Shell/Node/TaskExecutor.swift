import LogStore
import ReplicationCore
import RolesCore
import RolesNode
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Runs the tasks that the server core starts: commands as processes in a scratch directory of their
// own, built-in services at once. It owns scratch directories and the way from a process's end to a
// result; it promises one `.taskEnded` a task. Big outputs go to the archive store and are durable
// before the end is told.

final class TaskExecutor: Sendable {
  private let scratch: String
  private let archives: ArchiveStore
  private let runner: TaskRunner
  private let worker: Worker
  private let post: @Sendable (Server.Event) -> Void
  private let host: String
  private let environment: [TaskVariable]
  private let runsIn: String?

  init(
    directory: String, archives: ArchiveStore, host: String, runsIn: String?,
    post: @escaping @Sendable (Server.Event) -> Void
  ) throws(SystemFailure) {
    scratch = directory + "/tasks"
    self.archives = archives
    self.host = host
    self.post = post
    guard mkdir(scratch, 0o700) == 0 || errno == EEXIST else {
      throw SystemFailure("make \(scratch)")
    }
    let (orphans, _) = try OrphanRegistry.open(in: directory)
    ScratchDirectory.removeContents(of: scratch)
    runner = try TaskRunner(orphans: orphans)
    worker = try Worker(named: "rpcv-files")
    environment = TaskExecutor.baseEnvironment(inherits: runsIn != nil)
    self.runsIn = runsIn
  }

  /// What every task sees besides what its call passes.
  private static func baseEnvironment(inherits: Bool) -> [TaskVariable] {
    if inherits { return inherited() }
    let names = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"]
    return names.compactMap { name in
      getenv(name).map { TaskVariable(name, String(cString: $0)) }
    }
  }

  private static func inherited() -> [TaskVariable] {
    var variables: [TaskVariable] = []
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if let mark = text.firstIndex(of: "=") {
        variables.append(
          TaskVariable(String(text[..<mark]), String(text[text.index(after: mark)...])))
      }
      next += 1
    }
    return variables
  }

  func stop() {
    runner.stop()
    worker.stop()
  }

  func kill(_ task: TaskName) { runner.kill("\(task)") }

  func start(_ task: TaskName, _ submitted: Submitted) {
    let spec = submitted.spec
    guard spec.service != "noop" else {
      post(.taskStarted(task))
      return end(task, .finished(TaskExecutor.noop(spec, host)))
    }
    guard spec.service == "exec" else {
      return end(
        task, .failed(.noSuchService, detail: "this server has no service '\(spec.service)'"))
    }
    guard spec.executable == nil, spec.input == nil, !spec.collectsFiles,
      case .inline(let input) = spec.stdin
    else {
      worker.run { [self] in prepare(task, spec) }
      return
    }
    if let runsIn { return launch(task, spec, runsIn, input.isEmpty ? .empty : .bytes(input)) }
    let directory = "\(scratch)/\(task)"
    guard mkdir(directory, 0o700) == 0 else {
      return end(
        task, .failed(.cannotStart, detail: "\(SystemFailure("make \(directory)"))"))
    }
    launch(task, spec, directory, input.isEmpty ? .empty : .bytes(input))
  }

  /// The built-in service that does nothing: its first argument comes back on stdout.
  private static func noop(_ spec: CallSpec, _ host: String) -> CallResult {
    var result = CallResult(hash: .zero)
    result.stdout = .inline(spec.arguments.first ?? [])
    result.started = MonotonicClock.wallMilliseconds()
    result.host = host
    result.hash = result.computedHash
    return result
  }

  /// Brings archives into place; blocking, on the worker.
  private func prepare(_ task: TaskName, _ spec: CallSpec) {
    let directory = "\(scratch)/\(task)"
    guard mkdir(directory, 0o700) == 0 else {
      return end(task, .failed(.cannotStart, detail: "\(SystemFailure("make \(directory)"))"))
    }
    do {
      let files = ScratchFiles(archives, directory: directory)
      let input = try files.place(spec)
      launch(task, spec, directory, input, path: files.path)
    } catch {
      ScratchDirectory.remove(directory)
      end(task, .failed(.inputUnavailable, detail: "\(error)"))
    }
  }

  private func launch(
    _ task: TaskName, _ spec: CallSpec, _ directory: String, _ input: TaskInput, path: String? = nil
  ) {
    var variables = environment
    if let path {
      let old = variables.first { $0.name == "PATH" }?.value ?? "/usr/local/bin:/usr/bin:/bin"
      variables.removeAll { $0.name == "PATH" }
      variables.append(TaskVariable("PATH", path + ":" + old))
    }
    for passed in spec.environment {
      variables.removeAll { $0.name == passed.name }
      variables.append(TaskVariable(passed.name, passed.value))
    }
    var launch = TaskLaunch(
      id: "\(task)", arguments: spec.arguments, environment: variables, directory: directory,
      spool: "\(scratch)/\(task)")
    launch.stdin = input
    if spec.timeLimit > 0 { launch.limits.time = .milliseconds(Int64(clamping: spec.timeLimit)) }
    if spec.memoryLimit > 0 { launch.limits.memory = spec.memoryLimit }
    post(.taskStarted(task))
    runner.start(launch) { [self] report in ended(task, spec, directory, report) }
  }

  private func ended(
    _ task: TaskName, _ spec: CallSpec, _ directory: String, _ report: TaskReport
  ) {
    if case .inline = report.stdout, case .inline = report.stderr, !spec.collectsFiles {
      end(task, outcome(report, Blob.empty, Blob.empty, nil))
      if runsIn == nil { worker.run { ScratchDirectory.remove(directory) } }
      return
    }
    worker.run { [self] in
      defer { if runsIn == nil { ScratchDirectory.remove(directory) } }
      do {
        let files = ScratchFiles(archives, directory: directory)
        let stdout = try files.store(report.stdout)
        let stderr = try files.store(report.stderr)
        let changes = spec.collectsFiles ? try files.storeChanges() : nil
        try archives.log.commit()
        end(task, outcome(report, stdout, stderr, changes))
      } catch {
        end(task, .failed(.diskFull, detail: "the result can't be stored: \(error)"))
      }
    }
  }

  private func outcome(
    _ report: TaskReport, _ stdout: Blob, _ stderr: Blob, _ files: ArchiveID?
  ) -> Server.Outcome {
    var result = CallResult(hash: .zero)
    switch report.outcome {
    case .exited(let status): result.exitStatus = status
    case .signalled(let signal): result.signal = signal
    case .failed(let failure):
      return .failed(FailureReason(failure.reason), detail: failure.detail)
    }
    result.stdout = report.stdout.inlineBlob ?? stdout
    result.stderr = report.stderr.inlineBlob ?? stderr
    result.files = files
    result.started = report.started
    result.duration = report.duration.wholeNanoseconds / 1000
    result.host = host
    result.hash = result.computedHash
    return .finished(result)
  }

  private func end(_ task: TaskName, _ outcome: Server.Outcome) { post(.taskEnded(task, outcome)) }
}

extension TaskOutput {
  fileprivate var inlineBlob: Blob? {
    if case .inline(let bytes) = self { return .inline(bytes) }
    return nil
  }
}

extension FailureReason {
  init(_ reason: TaskFailure.Reason) {
    switch reason {
    case .cannotStart: self = .cannotStart
    case .killed, .cancelled: self = .killed
    case .timeLimit: self = .timeLimit
    case .memoryLimit: self = .memoryLimit
    case .outputLimit, .diskFull: self = .diskFull
    }
  }
}
