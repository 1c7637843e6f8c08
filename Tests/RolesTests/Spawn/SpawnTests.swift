import CSpawn
import Foundation
import Glibc
import LogStore
import Testing

@testable import RolesShell

/// The lines between fork and exec by themselves.
@Suite struct SpawnTests {
  private func spawn(
    _ program: String, _ arguments: [String], directory: String = "/"
  ) throws -> rpcv_spawned {
    let argv = try #require(CommandStrings(arguments.map { Array($0.utf8) }))
    let envp = try #require(CommandStrings([Array("PATH=/usr/bin:/bin".utf8)]))
    let null = try Descriptors.open("/dev/null", O_RDWR)
    defer { close(null) }
    return withExtendedLifetime((argv, envp)) {
      program.withCString { program in
        directory.withCString { directory in
          var command = rpcv_command()
          command.program = program
          command.arguments = argv.array
          command.environment = envp.array
          command.directory = directory
          command.input = null
          command.output = null
          command.error = null
          return rpcv_spawn(&command)
        }
      }
    }
  }

  private func wait(_ spawned: rpcv_spawned) -> Int32 {
    var status: Int32 = 0
    waitpid(spawned.pid, &status, 0)
    close(spawned.pidfd)
    return status
  }

  @Test func failuresTellTheirStep() throws {
    let absent = try spawn("/no/such/program", ["x"])
    #expect(absent.pid == -1 && absent.code == ENOENT)
    #expect(UInt32(absent.step) == rpcv_step_exec.rawValue)
    let lost = try spawn("/bin/true", ["true"], directory: "/no/such/directory")
    #expect(lost.pid == -1 && lost.code == ENOENT)
    #expect(UInt32(lost.step) == rpcv_step_directory.rawValue)
    // Of this very source file: nobody may execute it, root included.
    let source = try spawn(#filePath, ["x"])
    #expect(source.pid == -1 && source.code == EACCES)
    #expect(wait(try spawn("/bin/sh", ["sh", "-c", "exit 7"])) >> 8 == 7)
  }

  /// The signal at the parent's death is bound to the thread that spawned.
  @Test func diesWithItsThread() async throws {
    let spawned = Guarded<rpcv_spawned?>(nil)
    let thread = try OwnThread(named: "spawner") { [self] in
      let child = try? spawn("/bin/sleep", ["sleep", "1000"])
      spawned.withLock { $0 = child }
    }
    thread.join()
    let child = try #require(spawned.withLock { $0 })
    #expect(wait(child) & 0x7f == SIGKILL)
  }

  /// The cost doesn't grow with the parent: PLATFORM's 300 MiB.
  @Test func costWithALargeParent() throws {
    let ballast = UnsafeMutableRawBufferPointer.allocate(byteCount: 300 << 20, alignment: 4096)
    defer { ballast.deallocate() }
    for page in stride(from: 0, to: ballast.count, by: 4096) { ballast[page] = 1 }
    var times: [Duration] = []
    for _ in 0..<200 {
      let start = ContinuousClock.now
      let child = try spawn("/bin/true", ["true"])
      times.append(ContinuousClock.now - start)
      _ = wait(child)
    }
    let median = times.sorted()[100]
    print("spawn with 300 MiB resident: median \(median)")
    // 0.4 ms on an idle machine; other tests run beside this one.
    #expect(median < .milliseconds(50))
  }
}
