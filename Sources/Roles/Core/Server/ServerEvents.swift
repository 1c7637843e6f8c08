// What reaches a server and what it asks for: its whole surface beside `handle`. Values only.

import LogStore
import ReplicationCore

extension Server {
  /// What this machine offers in this start.
  public struct Offer: Hashable, Sendable {
    public var host = ""
    /// Tasks that run at once.
    public var slots: Int
    /// Tasks that wait here beside them.
    public var prefetch: Int
    /// As `name` or `name/version`.
    public var services: [String]
    public init(slots: Int, prefetch: Int, services: [String]) {
      self.slots = slots
      self.prefetch = prefetch
      self.services = services
    }
  }

  public enum Outcome: Hashable, Sendable {
    /// Its files are in this server's archive store, durable.
    case finished(CallResult)
    case failed(FailureReason, detail: String)
  }

  public enum Event: Sendable {
    /// After the recovered facts and before anything else. The first address is preferred.
    case started(Offer, coordinators: [String], dice: Dice)
    case coordinators([String])
    case facts(FactBatch)
    case persisted(through: LogSequence)
    /// The last `.append` was not appended; nothing of it was.
    case appendRefused(reason: String)
    /// The records of the last `.load`, in its order; nil for one that can't be read.
    case loaded([Record?])
    /// Of a `.poll`.
    case answer(ExchangeID, ServerResponse)
    /// Of a `.deliver`.
    case delivered(ExchangeID, ResultsResponse)
    /// No answer will come: refused, cut, timed out.
    case failed(ExchangeID)
    case taskStarted(TaskName)
    case taskEnded(TaskName, Outcome)
    /// It is here, complete.
    case archiveFetched(ArchiveID)
    /// `isAbsent`: the coordinator answered that it doesn't have it; else it couldn't be asked.
    case archiveUnavailable(ArchiveID, isAbsent: Bool)
    /// Complete and durable at the coordinator that it was put to.
    case archiveStored(ArchiveID)
    case archiveNotStored(ArchiveID, reason: String)
    /// The process stops in order, and its tasks with it: to be told to the coordinator, as far as
    /// that is quick. The end is `hasLeft`.
    case leave
    case tick
  }

  public enum Directive: Hashable, Sendable {
    /// To be appended in this order, all or nothing; the facts come back as an event before any
    /// other event.
    case append([Record])
    /// Read these from the log; one `.loaded` answers.
    case load([Position])
    /// Heartbeat and pull for work.
    case poll(ExchangeID, to: String, ServerRequest, timeout: Duration)
    /// Results that are durable here.
    case deliver(ExchangeID, to: String, ResultsRequest, timeout: Duration)
    /// Nobody waits for this answer any more.
    case abandon(ExchangeID)
    /// At once answered if it is here already.
    case fetchArchive(ArchiveID, from: String)
    case putArchive(ArchiveID, to: String)
    case start(TaskName, Submitted)
    /// One `.taskEnded` follows.
    case kill(TaskName)
    /// Its result is safe elsewhere: its archives need not be kept for it.
    case dropped(TaskName)
    case suspect(String)
    /// Another server speaks under this identity.
    case conflict
    /// `tick` is wanted then; replaces the wish before.
    case wakeAt(Instant)
    /// For people.
    case note(String)
  }
}
