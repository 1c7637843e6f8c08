// The start of a task on the runner's thread: descriptors, program, spawn. What the call itself got
// wrong becomes a result (126, 127), what this machine lacks a failure.

import CSpawn
import ReplicationCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension TaskRunnerLoop {
  func start(
    _ launch: TaskLaunch, _ now: Instant, _ completion: @escaping @Sendable (TaskReport) -> Void
  ) {
    guard TaskMark.isGood(launch.id), serials[launch.id] == nil else {
      let why = serials[launch.id] == nil ? "it can't be a file's name" : "it is running already"
      completion(
        .notStarted(launch.id, TaskFailure(.cannotStart, "the task id '\(launch.id)': \(why)")))
      return
    }
    do throws(SystemFailure) {
      let input = try open(launch.stdin)
      defer { close(input) }
      let out = try Descriptors.pipe()
      defer { close(out.write) }
      var stdout = OutputCapture(
        descriptor: out.read, path: launch.spool + ".stdout", inlineLimit: settings.inlineLimit,
        limit: launch.limits.output)
      let err: (read: Int32, write: Int32)
      do throws(SystemFailure) { err = try Descriptors.pipe() } catch {
        stdout.end()
        throw error
      }
      defer { close(err.write) }
      let stderr = OutputCapture(
        descriptor: err.read, path: launch.spool + ".stderr", inlineLimit: settings.inlineLimit,
        limit: launch.limits.output)
      spawn(
        launch, input: input, output: out.write, error: err.write, stdout, stderr, now, completion)
    } catch {
      completion(.notStarted(launch.id, TaskFailure(.cannotStart, error.description)))
    }
  }

  private func spawn(
    _ launch: TaskLaunch, input: Int32, output: Int32, error: Int32, _ stdout: OutputCapture,
    _ stderr: OutputCapture, _ now: Instant, _ completion: @escaping @Sendable (TaskReport) -> Void
  ) {
    var (stdout, stderr) = (stdout, stderr)
    let mark = TaskMark(run: run, id: launch.id)
    let ticks = MonotonicClock.bootTicks()
    let seat = seats.take()
    let spawned: rpcv_spawned
    do throws(NotRunnable) {
      spawned = try execute(launch, mark, seat, input, output, error)
      try Self.blameCall(launch, spawned)
    } catch {
      // As if a shell had said so.
      seats.free(seat)
      stdout.end()
      stderr.append(message: error.message)
      completion(
        TaskReport(
          id: launch.id, outcome: .exited(error.status), stdout: .empty, stderr: stderr.finish(),
          started: MonotonicClock.wallMilliseconds(), duration: .zero, leftovers: 0))
      return
    }
    guard spawned.pid > 0 else {
      seats.free(seat)
      stdout.end()
      stderr.end()
      let why = SystemFailure(Self.stepText(spawned.step, launch), code: spawned.code)
      completion(.notStarted(launch.id, TaskFailure(.cannotStart, why.description)))
      return
    }
    lastSerial += 1
    let task = RunningTask(
      serial: lastSerial, launch: launch, mark: mark, pid: spawned.pid, pidfd: spawned.pidfd,
      slot: registry?.add(spawned.pid, id: launch.id, since: ticks), seat: seat, stdout: stdout,
      stderr: stderr,
      now: now,
      completion: completion)
    tasks[task.serial] = task
    serials[task.id] = task.serial
    let codes = [
      watch(task.pidfd, task.serial, .process),
      watch(task.stdout.descriptor, task.serial, .stdout),
      watch(task.stderr.descriptor, task.serial, .stderr),
    ]
    if let code = codes.first(where: { $0 != 0 }) {
      // It can't be watched as it should: end it, and look at it by the clock.
      task.intent = TaskFailure(
        .cannotStart, SystemFailure("watch the task", code: code).description)
      killAll(task, now)
    }
  }

  private func open(_ input: TaskInput) throws(SystemFailure) -> Int32 {
    switch input {
    case .empty: return try Descriptors.open("/dev/null", O_RDONLY)
    case .file(let path): return try Descriptors.open(path, O_RDONLY)
    case .bytes(let bytes):
      // A file in memory: nobody has to feed it, and a task that doesn't read blocks nobody.
      let file = rpcv_memory_file("stdin")
      guard file >= 0 else { throw SystemFailure("make a file in memory", code: -file) }
      let written = bytes.withUnsafeBytes { raw -> Result<Void, SystemFailure> in
        do throws(SystemFailure) {
          return .success(try Descriptors.writeAll(file, raw, "stdin"))
        } catch { return .failure(error) }
      }
      if case .failure(let failure) = written {
        close(file)
        throw failure
      }
      lseek(file, 0, SEEK_SET)
      return file
    }
  }

  private func execute(
    _ launch: TaskLaunch, _ mark: TaskMark, _ seat: Int, _ input: Int32, _ output: Int32,
    _ error: Int32
  ) throws(NotRunnable) -> rpcv_spawned {
    let name = launch.name
    let path = launch.environment.last { $0.name == "PATH" }?.value
    let program = try ProgramSearch.find(name, path: path, directory: launch.directory)
    let variables =
      mark.variables + [Array("\(TaskMark.slotName)=\(seat)".utf8)]
      + launch.environment.map { Array("\($0.name)=\($0.value)".utf8) }
    let first = try spawnOnce(
      launch, program, launch.arguments, variables, input, output, error)
    guard first.pid < 0, first.step == Int32(rpcv_step_exec.rawValue), first.code == ENOEXEC else {
      return first
    }
    // A script without a first line that names its interpreter: a shell's, as execvp has it.
    let script = [Array("sh".utf8), Array(program.utf8)] + launch.arguments.dropFirst()
    return try spawnOnce(launch, "/bin/sh", script, variables, input, output, error)
  }

  private func spawnOnce(
    _ launch: TaskLaunch, _ program: String, _ arguments: [[UInt8]], _ variables: [[UInt8]],
    _ input: Int32, _ output: Int32, _ error: Int32
  ) throws(NotRunnable) -> rpcv_spawned {
    guard let argv = CommandStrings(arguments), let envp = CommandStrings(variables),
      !program.utf8.contains(0)
    else {
      throw .because(launch.name, "an argument or a variable contains a NUL byte")
    }
    return withExtendedLifetime((argv, envp)) {
      program.withCString { program in
        launch.directory.withCString { directory in
          var spawn = rpcv_command()
          spawn.program = program
          spawn.arguments = argv.array
          spawn.environment = envp.array
          spawn.directory = directory
          spawn.input = input
          spawn.output = output
          spawn.error = error
          spawn.address_space = launch.limits.memory ?? 0
          spawn.open_files = DescriptorLimit.inherited
          spawn.file_size = launch.limits.fileSize ?? 0
          spawn.oom_score = settings.oomScore
          return rpcv_spawn(&spawn)
        }
      }
    }
  }

  /// Throws if the command, not this machine, is why it can't be executed.
  private static func blameCall(_ launch: TaskLaunch, _ spawned: rpcv_spawned) throws(NotRunnable) {
    guard spawned.pid < 0, spawned.step == Int32(rpcv_step_exec.rawValue) else { return }
    switch spawned.code {
    case ENOENT, ENOTDIR: throw .notFound(launch.name)
    case EACCES, EPERM: throw .because(launch.name, "Permission denied")
    case E2BIG: throw .because(launch.name, "Argument list too long")
    case ENOEXEC, EISDIR, ELIBBAD, EINVAL: throw .because(launch.name, "cannot execute")
    case ELOOP, ENAMETOOLONG:
      throw .because(launch.name, "its path leads nowhere")
    default: return
    }
  }

  private static func stepText(_ step: Int32, _ launch: TaskLaunch) -> String {
    switch UInt32(step) {
    case rpcv_step_directory.rawValue: "enter the task's directory \(launch.directory)"
    case rpcv_step_limits.rawValue: "set the task's limits"
    case rpcv_step_exec.rawValue: "execute \(launch.name)"
    case rpcv_step_descriptors.rawValue: "connect the task's streams"
    default: "make a process"
    }
  }
}

extension TaskLaunch {
  /// The program's name, for people and the PATH.
  var name: String { String(decoding: arguments.first ?? [], as: UTF8.self) }
}
