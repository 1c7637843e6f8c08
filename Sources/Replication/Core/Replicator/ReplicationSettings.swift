/// The knobs of the replication core, each with its reason. Every bound is per node unless it says
/// otherwise.
public struct ReplicationSettings: Sendable {
  /// One Sync with the successor a period. The paper used 5 s.
  public var heartbeatPeriod: Duration = .seconds(1)
  /// How long an asked peer may stay silent. The paper used 30 s.
  public var suspicionTimeout: Duration = .seconds(10)
  /// The same for a peer that has never answered, so that dead addresses in a list are passed soon.
  public var firstTimeout: Duration = .seconds(3)
  /// Every other peer is asked this often whether it is there, suspected or not.
  public var probeEvery: Duration = .seconds(5)
  /// At most so many probes a period, however long the list.
  public var probesPerPeriod = 4

  /// One piece; a single frame may be larger.
  public var chunkLimit = 1 << 20
  /// Bytes under way to the successor, and as many under way here by fetching; one frame may exceed
  /// it.
  public var windowLimit = 4 << 20
  /// A slow path shrinks the window down to this.
  public var windowFloor = 64 << 10
  /// Pieces under way to the successor.
  public var shipLimit = 64
  /// How long the receiver keeps its answer back until the bytes are durable. `safe` is thus known
  /// one commit and one round trip after the piece arrived; slower disks are told by the next Sync.
  public var acknowledgementDelay: Duration = .seconds(1)
  public var heldAcknowledgements = 256
  /// Segments that are fetched at a time.
  public var fetchLimit = 4
  /// Fetches of others that are served at a time.
  public var servedFetches = 16
  /// Waits between tries after a failed exchange, doubling up to the heartbeat period.
  public var retryDelay: Duration = .milliseconds(100)
  /// A surplus of the successor is left to the predecessor to bring for so many heartbeats.
  public var surplusPatience = 2

  /// Off as in the paper: then archives are fetched from whoever has them.
  public var replicatesArchives = true
  /// Nil ships continuously; else the paper's abstract, once in this time.
  public var shipEvery: Duration?

  public var memberLimit = 1024
  /// An address that no list names is forgotten after so long a silence.
  public var forgetAfter: Duration = .seconds(24 * 3600)
  /// Segments in one SyncResponse.
  public var vectorLimit = 100_000

  package var plantedBugs: ReplicationBugs = []

  public init() {}

  /// How long a stop waits for an answer to its farewell.
  var farewellTimeout: Duration { min(syncTimeout, .seconds(1)) }

  /// How long a Sync or a probe may take; several may be under way.
  var syncTimeout: Duration { min(suspicionTimeout, heartbeatPeriod * 3) }

  /// A piece may take as long as silence is borne, and the time that it needs at 64 KiB/s.
  func transferTimeout(bytes: Int) -> Duration {
    suspicionTimeout + .milliseconds(bytes / 64)
  }
}

/// Faults that tests plant to prove that their checks can fail; never set in production.
package struct ReplicationBugs: OptionSet, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }
  /// B6: the sender goes on behind what was refused or lost.
  package static let neverRewinds = ReplicationBugs(rawValue: 1 << 6)
  /// B14: a suspicion is never taken back.
  package static let neverForgives = ReplicationBugs(rawValue: 1 << 14)
}
