import Glibc
import LogStore
import ReplicationCore
import ReplicationTransport
import RolesCore
import RolesShell

// What several coordinators say of the grid, asked side by side. It never waits longer than the one
// time limit, however many are silent.

final class GridSurvey: Sendable {
  struct Answer: Sendable {
    var address: String
    /// Nil if it did not answer in time.
    var view: GridSummary?
    /// Why not.
    var reason = ""
  }

  private let loop = TransportLoop()
  private let client: TransportClient

  /// The only one: it lives as long as the process, so that its end is never an answer's business.
  static let shared = GridSurvey()

  private init() { client = TransportClient(on: loop) }

  /// Answers in the order of the addresses, to `done`, on the transport's thread.
  func start(
    _ addresses: [String], timeout: Duration, done: @escaping @Sendable ([Answer]) -> Void
  ) {
    let round = Round(addresses, done)
    let question = Message.operatorRequest(.grid).encoded()
    for (index, address) in addresses.enumerated() {
      do throws(TransportError) {
        client.exchange(with: try HostPort(address), question, timeout: timeout) { result in
          round.put(index, Self.answer(address, result))
        }
      } catch { round.put(index, Answer(address: address, reason: "\(error)")) }
    }
  }

  /// The same, waited for.
  func ask(_ addresses: [String], timeout: Duration) -> [Answer] {
    guard !addresses.isEmpty else { return [] }
    let signal = Signal()
    let slot = Slot()
    start(addresses, timeout: timeout) { answers in
      slot.answers.withLock { $0 = answers }
      signal.raise()
    }
    while true {
      if let answers = slot.answers.withLock({ $0 }) { return answers }
      _ = signal.wait(until: nil)
    }
  }

  /// Also asks those that the answers name, until nobody new is named.
  func askAll(_ addresses: [String], timeout: Duration) -> [Answer] {
    var answers = ask(addresses, timeout: timeout)
    while answers.count < Self.limit {
      let asked = Set(answers.map(\.address))
      // Of one node that is known by two addresses the one that was given is enough.
      let nodes = Set(answers.compactMap { $0.view?.own?.node })
      var new: [String] = []
      for row in answers.compactMap(\.view).flatMap(\.coordinators) {
        guard !asked.contains(row.address), !new.contains(row.address),
          row.node.map({ !nodes.contains($0) }) ?? true
        else { continue }
        new.append(row.address)
      }
      if new.isEmpty { break }
      answers += ask(Array(new.prefix(Self.limit - answers.count)), timeout: timeout)
    }
    return answers
  }

  private static let limit = 64

  private static func answer(
    _ address: String, _ result: Result<[UInt8], TransportError>
  ) -> Answer {
    switch result {
    case .failure(let error): return Answer(address: address, reason: "\(error)")
    case .success(let bytes):
      do throws(ProtoError) {
        switch try Message(decoding: bytes) {
        case .operatorResponse(.grid(let view)): return Answer(address: address, view: view)
        case .operatorResponse(.refused(let refusal)):
          return Answer(address: address, reason: refusal.text)
        default: return Answer(address: address, reason: "it answers what was not asked")
        }
      } catch { return Answer(address: address, reason: "\(error)") }
    }
  }

  private final class Slot: Sendable {
    let answers = Guarded<[Answer]?>(nil)
  }

  private final class Round: Sendable {
    private let answers: Guarded<[Answer?]>
    private let done: @Sendable ([Answer]) -> Void

    init(_ addresses: [String], _ done: @escaping @Sendable ([Answer]) -> Void) {
      answers = Guarded(addresses.map { _ in nil })
      self.done = done
    }

    func put(_ index: Int, _ answer: Answer) {
      let all = answers.withLock { answers in
        answers[index] = answer
        return answers.allSatisfy { $0 != nil } ? answers.compactMap(\.self) : nil
      }
      if let all { done(all) }
    }
  }
}

extension GridSummary {
  /// The row of the coordinator that answered.
  var own: CoordinatorSummary? { coordinators.first(where: \.isSelf) }
}
