import LogStore
import ReplicationCore
import RolesCore

// What a node is started with: which roles it has and their settings. Values only.

public struct NodeSettings: Sendable {
  /// Stands for "this very process" in lists of coordinators of an embedded grid.
  public static let localAddress = "local"

  /// Where the coordinator wants to be reached, host:port; `localAddress` if nowhere.
  public var address = NodeSettings.localAddress
  /// Known coordinators, the preferred one first.
  public var coordinators: [String] = []
  public var coordinator: CoordinatorSettings?
  public var replication = ReplicationSettings()
  public var server: (settings: ServerSettings, offer: Server.Offer)?
  public var client: ClientSettings?
  public var factsLog = LogOptions()
  public var archivesLog = LogOptions()
  public var drain = DrainOptions()
  /// How long an archive that no fact names is kept, in uptime.
  public var orphanAge = Duration.seconds(3600)
  /// A coordinator of whose segments no new byte was seen for so long, in this node's uptime, is
  /// absent: the living take over what only its segments hold.
  public var adoptAfter = Duration.seconds(86_400)
  /// A result that was found nowhere for so long, or its archive, is lost: its call runs again.
  public var lostAfter = Duration.seconds(600)
  /// For people; milliseconds since 1970.
  public var wallTime: UInt64 = 0

  public init() {
    archivesLog.segmentLimit = 256 << 20
  }

  /// Facts that free space: they may use the log's reserve.
  static let reserveKinds: Set<RecordKind> = [.released, .cancelled, .failed]
}

extension NodeSettings {
  /// Segments in proportion to a disk of `size` bytes, or to the quota: whole segments are cleaned,
  /// so one that takes most of the space is full before anything in it can be freed.
  public mutating func fitSegments(toDisk size: UInt64) {
    factsLog.fitSegments(to: min(size, factsLog.capacity ?? size))
    archivesLog.fitSegments(to: min(size, archivesLog.capacity ?? size))
  }
}

extension LogOptions {
  fileprivate mutating func fitSegments(to space: UInt64) {
    segmentLimit = min(segmentLimit, max(space / 16, 1 << 20))
  }

  /// Under a quota new work is taken again only when some room has been made.
  func isBelowHighWater(_ used: UInt64) -> Bool {
    guard let capacity else { return true }
    return used + reserve * 2 < capacity
  }
}
