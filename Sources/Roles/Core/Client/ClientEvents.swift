// What reaches a client and what it asks for: its whole surface beside `handle`. Values only.

import LogStore
import ReplicationCore

extension Client {
  /// Names one submit of the program; drawn by the caller.
  public struct Ticket: Hashable, Comparable, Sendable {
    public var value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public static func < (a: Ticket, b: Ticket) -> Bool { a.value < b.value }
  }

  public enum Event: Sendable {
    /// After the recovered facts and before anything else. The first address is preferred.
    case started(coordinators: [String], dice: Dice)
    /// More addresses, from files or flags.
    case coordinators([String])
    case facts(FactBatch)
    case persisted(through: LogSequence)
    /// The last `.append` was not appended (log full, poisoned); nothing of it was.
    case appendRefused(reason: String)
    /// The records of the last `.load`, in its order; nil for one that can't be read.
    case loaded([Record?])

    /// The k-th submit of this run of the program is call k.
    case submit(Ticket, CallSpec, wallTime: UInt64)
    /// Submits of this run come after all calls that the log and the coordinators know: somebody
    /// adds to a session. Before the first submit; they wait until a coordinator answered.
    case goOn
    /// The session's calls as coordinators know them become this client's, without a program that
    /// re-executes (`rpcv results`, `rpcv cancel` from another machine). Excludes submits.
    case attach(wantsResults: Bool)
    /// The result with this hash is in the program's files or log.
    case collect(CallCounter, result: Hash256)
    case cancel(CallCounter)
    case cancelAll
    case release([ClosedRange<CallCounter>])
    /// Nothing of this session will be asked for again.
    case endSession
    /// Nothing more comes for now: what waits for company is told at once. Undone by a submit.
    case flush
    /// The program is behind: no further results until it says so.
    case pauseResults(Bool)

    case response(ExchangeID, ClientResponse)
    /// No answer will come: refused, cut, timed out.
    case failed(ExchangeID)
    /// Complete and durable at the coordinator that it was put to.
    case archiveStored(ArchiveID)
    case archiveFailed(ArchiveID, reason: String)
    case tick
  }

  public enum Directive: Hashable, Sendable {
    /// To be appended in this order, all or nothing; the facts come back as an event before any
    /// other event.
    case append([Record])
    /// Read these from the log; one `.loaded` answers.
    case load([Position])
    case send(ExchangeID, to: String, ClientRequest, timeout: Duration)
    /// Nobody waits for this answer any more.
    case abandon(ExchangeID)
    /// Submit returns.
    case submitted(Ticket, Submission)
    /// Submit fails, the program may go on or end.
    case refused(Ticket, SubmissionError)
    /// Once a call and run. `record` is the Finished as its server logged it.
    case result(CallName, Finished, record: Record)
    /// The call failed as often as it may. A result may still come.
    case exhausted(CallName, Failed)
    /// A call that the program waits for is cancelled.
    case cancelled(CallName)
    /// Of the calls that the program waits for these were released: no result will come.
    case released([ClosedRange<CallCounter>])
    /// The program that runs is not the one that made the session. Nothing is submitted any more.
    case diverged(Divergence)
    /// `attach` knows all calls through this.
    case attached(through: CallCounter)
    case putArchive(ArchiveID, to: String)
    case progress(Progress)
    /// A coordinator took this call's submission for unusable, and so will others.
    case rejected(CallName, Refusal)
    case suspect(String)
    /// Another instance speaks under this session.
    case conflict
    /// `tick` is wanted then; replaces the wish before.
    case wakeAt(Instant)
    /// For people.
    case note(String)
  }

  /// What submit returns.
  public struct Submission: Hashable, Sendable {
    public var call: CallName
    public var known: Known
    /// Exists only once the strategy allows it.
    public var permission: ReturnPermission

    public enum Known: Hashable, Sendable {
      /// Not in this client's log before.
      case new
      /// An earlier run submitted it: its result comes without another execution.
      case resumed
      /// An earlier run collected this result; it comes again unless `collect` is said first.
      case collected(Hash256)
      case cancelled
      /// No result will come again.
      case released
    }
  }

  public enum SubmissionError: Error, Hashable, Sendable, CustomStringConvertible {
    case diverged(Divergence)
    /// The client's log doesn't take it; in words.
    case log(String)
    /// This client is attached to the session of another program.
    case attached
    case ended

    public var description: String {
      switch self {
      case .diverged(let divergence): divergence.description
      case .log(let reason): "the call can't be logged: \(reason)"
      case .attached: "this client only watches the session, it can't submit"
      case .ended: "the session has ended"
      }
    }
  }

  /// The program's k-th submit is not the k-th call of the session.
  public struct Divergence: Hashable, Sendable, CustomStringConvertible {
    public var call: CallName
    /// Of the call that is known under this name; empty if only the hash over many differs.
    public var known: [Digest]
    public var submitted: Digest?
    public var witness: Witness

    public enum Witness: Hashable, Sendable {
      case ownLog
      case coordinator(String)
    }

    public var description: String {
      let who =
        switch witness {
        case .ownLog: "this client's log"
        case .coordinator(let address): "coordinator \(address)"
        }
      return "call \(call.counter) of this session is another one in \(who): the program or its "
        + "parameters changed. Use the program as it was, or another session. "
        + "Nothing was submitted under this number and nothing is lost."
    }
  }

  public struct Progress: Hashable, Sendable {
    /// Of this run, or attached.
    public var submittedThrough = CallCounter.zero
    /// Durable at the present coordinator, archives included.
    public var acceptedThrough = CallCounter.zero
    /// Durable at min(2, coordinators listed) nodes.
    public var safeThrough = CallCounter.zero
    /// Collections, cancellations and releases that no coordinator is known to hold yet.
    public var unheldControls = 0
    /// Those that are not safe yet.
    public var unsafeControls = 0
    /// The session's end is durable at enough nodes: this client can be forgotten.
    public var isEnded = false
    /// Told after `flush`: all that the program said before it is counted in here.
    public var isFlushing = false
    public init() {}
  }
}
