import LogStore
import ReplicationCore
import RolesCore
import RolesNode

// Runs the clients' applications, and checks what they are told: one result a call and run, of the
// call's own digest, of a task that ran (I6).

extension World {
  func launch(_ client: Int) {
    programs[client].startOver()
    noteFixed(client)
    plan(.submit, of: client, in: dice.skewed(1_000...200_000))
  }

  private func plan(_ step: ProgramStep, of client: Int, in span: Duration) {
    queue.add(.program(client, run: programs[client].run, step), at: now + span)
  }

  func act(_ client: Int, _ run: Int, _ step: ProgramStep) {
    let program = programs[client]
    guard program.run == run, nodes[program.node].isRunning else { return }
    switch step {
    case .submit: submit(client)
    case .collect(let counter, let hash):
      // It is in the program's files.
      programs[client].collected[counter] = hash
      programs[client].everCollected[counter, default: []].insert(hash)
      tell(client, .collect(CallCounter(UInt64(counter)), result: hash))
    case .cancel(let counter):
      guard programs[client].settled[counter] == nil else { return }
      programs[client].cancelled.insert(counter)
      tell(client, .cancel(CallCounter(UInt64(counter))))
    case .end:
      guard !programs[client].isEnding else { return }
      programs[client].isEnding = true
      programs[client].hasEnded = true
      say("\(nodes[program.node].name) ends its session")
      tell(client, .endSession)
    }
  }

  private func tell(_ client: Int, _ event: Client.Event) {
    feed(programs[client].node, .client(event))
  }

  private func submit(_ client: Int) {
    let run = programs[client].run
    for _ in 0..<dice.number(1...4) {
      guard programs[client].run == run, programs[client].submitted < programs[client].calls.count
      else { break }
      let index = programs[client].submitted
      let call = programs[client].calls[index]
      if let input = call.input {
        guard let stored = onDisk(of: programs[client].node, { store(input, client) }) else {
          return
        }
        if let error = stored {
          return violate("I10", "client \(client) can't store an input: \(error)")
        }
      }
      programs[client].submitted += 1
      tell(
        client,
        .submit(
          Client.Ticket(UInt64(index + 1)), call.spec,
          wallTime: 1_700_000_000_000 + now.nanoseconds / 1_000_000))
      if call.isCancelled {
        plan(.cancel(index + 1), of: client, in: dice.skewed(1_000...500_000))
      }
    }
    guard programs[client].run == run else { return }
    if programs[client].submitted < programs[client].calls.count {
      plan(.submit, of: client, in: dice.span(1_000...programs[client].pause))
    }
  }

  private func store(_ input: [UInt8], _ client: Int) -> LogError? {
    guard let store = nodes[programs[client].node].engine?.archives else { return nil }
    do throws(LogError) {
      _ = try World.keep(input, in: store, at: now)
      return nil
    } catch { return error }
  }

  // MARK: - What the client says

  func hear(_ news: Client.Directive, _ node: Int) {
    guard case .client(let client) = nodes[node].role else { return }
    switch news {
    case .submitted(let ticket, let submission): returned(ticket, submission, client)
    case .result(let call, let finished, _): took(call, finished, client)
    case .cancelled(let call):
      settle(Int(call.counter.value), .cancelled, client)
    case .released(let ranges):
      for range in ranges {
        let last = min(range.upperBound.value, UInt64(programs[client].calls.count))
        guard range.lowerBound.value <= last else { continue }
        for value in range.lowerBound.value...last { settle(Int(value), .released, client) }
      }
    case .progress(let progress):
      if progress.isEnded, !programs[client].isDone {
        programs[client].isDone = true
        say("\(nodes[node].name) may be forgotten")
      }
    case .refused(_, let error): violate("L1", "client \(client): a submit is refused: \(error)")
    case .rejected(let call, let refusal):
      violate("L1", "client \(client): call \(call.counter) is rejected: \(refusal)")
    case .diverged(let divergence):
      violate("I6", "client \(client) is told that its program changed: \(divergence)")
    case .exhausted, .conflict, .attached: break
    case .append, .load, .send, .abandon, .putArchive, .suspect, .wakeAt, .note: break
    }
  }

  private func returned(_ ticket: Client.Ticket, _ submission: Client.Submission, _ client: Int) {
    let counter = Int(ticket.value)
    guard submission.call.counter.value == ticket.value else {
      return violate("I6", "submit \(ticket.value) returned as \(submission.call)")
    }
    checkReturned(submission, client)
    switch submission.known {
    case .new, .resumed: break
    case .collected(let hash):
      // Its files have it; now and then it wants to see it again.
      if programs[client].collected[counter] == hash, dice.chance(0.5) {
        settle(counter, .result(hash), client)
        tell(client, .collect(submission.call.counter, result: hash))
      }
    case .cancelled: settle(counter, .cancelled, client)
    case .released: settle(counter, .released, client)
    }
  }

  private func took(_ call: CallName, _ finished: Finished, _ client: Int) {
    let counter = Int(call.counter.value)
    let program = programs[client]
    statistics.results += 1
    guard call.session == program.session, counter >= 1, counter <= program.submitted else {
      return violate("I6", "client \(client) is given a result of \(call); it never asked")
    }
    let spec = program.calls[counter - 1].spec
    guard finished.digest == Digest.of(spec: spec) else {
      return violate("I6", "client \(client) is given a result of another digest for \(counter)")
    }
    guard truth.hasRun(call, finished.digest, finished.result.hash) else {
      return violate("I6", "client \(client) is given a result of \(counter) that no task gave")
    }
    if case .result? = program.settled[counter] {
      return violate("I6", "client \(client) is given a second result of \(counter) in one run")
    }
    checkSame(counter, finished, client)
    say("\(nodes[program.node].name) has \(counter)")
    settle(counter, .result(finished.result.hash), client)
    plan(.collect(counter, finished.result.hash), of: client, in: dice.skewed(100...300_000))
  }

  private func settle(_ counter: Int, _ settled: Program.Settled, _ client: Int) {
    let program = programs[client]
    switch settled {
    case .cancelled where !program.cancelled.contains(counter):
      violate("I6", "client \(client) is told that \(counter) is cancelled; nobody asked for that")
    case .released where !mayBeReleased(counter, program):
      violate("I5", "client \(client) is told that \(counter) is released; nobody asked for that")
    default: break
    }
    if program.settled[counter] == nil { programs[client].settled[counter] = settled }
    if programs[client].hasAll, !programs[client].isEnding {
      plan(.end, of: client, in: dice.skewed(1_000...2_000_000))
    }
  }

  private func mayBeReleased(_ counter: Int, _ program: Program) -> Bool {
    program.hasEnded || program.cancelled.contains(counter)
      || (program.mode == .releaseOnCollection && program.collected[counter] != nil)
  }
}
