import LogStore
import ReplicationCore
import RolesCore
import RolesNode

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
  private let scratch: ScratchArea
  private let archives: ArchiveStore
  private let runner: TaskRunner
  private let worker: Worker
  private let post: @Sendable (Server.Event) -> Void
  private let onNote: @Sendable (String) -> Void
  private let host: String
  private let environment: [TaskVariable]
  private let runsIn: String?
  /// Tasks whose files are being brought, and whether they were killed meanwhile.
  private let preparing = Guarded<[TaskName: Bool]>([:])

  init(
    directory: String, archives: ArchiveStore, host: String, runsIn: String?,
    onNote: @escaping @Sendable (String) -> Void, post: @escaping @Sendable (Server.Event) -> Void
  ) throws(SystemFailure) {
    self.archives = archives
    self.host = host
    self.post = post
    self.onNote = onNote
    // First the processes that a killed start left, then what they stand in.
    let (orphans, _) = try OrphanRegistry.open(in: directory)
    let scratch = try ScratchArea.open(in: directory)
    self.scratch = scratch
    runner = try TaskRunner(orphans: orphans)
    worker = try Worker(named: "rpcv-files")
    environment = TaskExecutor.baseEnvironment(inherits: runsIn != nil)
    self.runsIn = runsIn
    worker.run {
      do throws(SystemFailure) { try scratch.removeLeftovers() } catch {
        onNote("what earlier tasks left is still there: \(error)")
      }
    }
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

  func kill(_ task: TaskName) {
    let isPreparing = preparing.withLock { preparing in
      guard preparing[task] != nil else { return false }
      preparing[task] = true
      return true
    }
    if !isPreparing { runner.kill("\(task)") }
  }

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
    guard spec.executable == nil, spec.input == .empty, case .inline(let input) = spec.stdin else {
      preparing.withLock { $0[task] = false }
      worker.run { [self] in prepare(task, spec) }
      return
    }
    let place: ScratchArea.Place
    do throws(SystemFailure) { place = try makePlace(task, spec) } catch {
      return end(task, .failed(.cannotStart, detail: "\(error)"))
    }
    launch(
      task, spec, ScratchFiles(archives, place), input.isEmpty ? .empty : .bytes(input),
      programs: nil)
  }

  /// The task's own, or the directory that all tasks of an embedded grid run in.
  private func makePlace(
    _ task: TaskName, _ spec: CallSpec
  ) throws(SystemFailure) -> ScratchArea.Place {
    guard let runsIn, spec.executable == nil, spec.input == .empty, !spec.collectsFiles else {
      return try scratch.make("\(task)")
    }
    var place = scratch.place("\(task)")
    place.directory = runsIn
    return place
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
    do {
      var files = ScratchFiles(archives, try makePlace(task, spec))
      let (input, programs) = try files.prepare(spec)
      if preparing.withLock({ $0[task] }) == true {
        end(task, .failed(.killed, detail: "the task was cancelled"))
        remove(task)
      } else {
        launch(task, spec, files, input, programs: programs)
      }
    } catch {
      end(task, .failed(.inputUnavailable, detail: "\(error)"))
      remove(task)
    }
    // Killed between the look above and the launch.
    if preparing.withLock({ $0.removeValue(forKey: task) }) == true { runner.kill("\(task)") }
  }

  private func launch(
    _ task: TaskName, _ spec: CallSpec, _ files: ScratchFiles, _ input: TaskInput,
    programs: String?
  ) {
    var variables = environment
    if let programs {
      let old = variables.first { $0.name == "PATH" }?.value ?? ProgramSearch.defaultPath
      variables.removeAll { $0.name == "PATH" }
      variables.append(TaskVariable("PATH", programs + ":" + old))
    }
    for passed in spec.environment {
      variables.removeAll { $0.name == passed.name }
      variables.append(TaskVariable(passed.name, passed.value))
    }
    var launch = TaskLaunch(
      id: "\(task)", arguments: spec.arguments, environment: variables,
      directory: files.place.directory, spool: files.place.spool)
    launch.stdin = input
    if spec.timeLimit > 0 { launch.limits.time = .milliseconds(Int64(clamping: spec.timeLimit)) }
    if spec.memoryLimit > 0 { launch.limits.memory = spec.memoryLimit }
    post(.taskStarted(task))
    runner.start(launch) { [self] report in ended(task, spec, files, report) }
  }

  /// On the runner's thread: what has files goes on on the worker.
  private func ended(
    _ task: TaskName, _ spec: CallSpec, _ files: ScratchFiles, _ report: TaskReport
  ) {
    if case .inline(let stdout) = report.stdout, case .inline(let stderr) = report.stderr,
      !spec.collectsFiles
    {
      end(task, outcome(report, .inline(stdout), .inline(stderr), .empty))
      if files.place.directory != runsIn || !spec.archives.isEmpty {
        worker.run { [self] in remove(task) }
      }
      return
    }
    worker.run { [self] in
      end(task, store(task, spec, files, report))
      remove(task)
    }
  }

  private func store(
    _ task: TaskName, _ spec: CallSpec, _ files: ScratchFiles, _ report: TaskReport
  ) -> Server.Outcome {
    if case .failed = report.outcome { return outcome(report, .empty, .empty, .empty) }
    do {
      let stdout = try files.store(report.stdout)
      let stderr = try files.store(report.stderr)
      var changes = Blob.empty
      if spec.collectsFiles {
        let (blob, leftOut) = try files.storeChanges()
        changes = blob
        for what in leftOut { onNote("task \(task): left out of its files: \(what)") }
      }
      try archives.log.commit()
      return outcome(report, stdout, stderr, changes)
    } catch {
      return .failed(
        Self.isFull(error) ? .diskFull : .unknown,
        detail: "the result can't be stored: \(error)")
    }
  }

  private static func isFull(_ error: any Error) -> Bool {
    switch error {
    case LogError.full, FileTreeError.storage(.full): true
    default: false
    }
  }

  private func remove(_ task: TaskName) {
    do throws(SystemFailure) { try scratch.remove("\(task)") } catch {
      onNote("the files of task \(task) are still there: \(error)")
    }
  }

  private func outcome(
    _ report: TaskReport, _ stdout: Blob, _ stderr: Blob, _ files: Blob
  ) -> Server.Outcome {
    var result = CallResult(hash: .zero)
    switch report.outcome {
    case .exited(let status): result.exitStatus = status
    case .signalled(let signal): result.signal = signal
    case .failed(let failure):
      return .failed(FailureReason(failure.reason), detail: failure.detail)
    }
    result.stdout = stdout
    result.stderr = stderr
    result.files = files
    result.started = report.started
    result.duration = report.duration.wholeNanoseconds / 1000
    result.host = host
    result.leftovers = UInt64(report.leftovers)
    result.hash = result.computedHash
    return .finished(result)
  }

  private func end(_ task: TaskName, _ outcome: Server.Outcome) { post(.taskEnded(task, outcome)) }
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
