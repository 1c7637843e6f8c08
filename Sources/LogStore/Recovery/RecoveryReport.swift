// What a start found and did, in values and in words. It is for people and for the layer above;
// recovery itself never reads it.

public struct RecoveryReport: Hashable, Sendable, CustomStringConvertible {
  public struct Finding: Hashable, Sendable, CustomStringConvertible {
    public var segment: SegmentName
    public var decision: RecoveryDecision
    /// Where the intact prefix ends.
    public var end: Offset
    /// Bytes in the file behind it.
    public var behind: UInt64
    /// Durable bytes reach up to here, as far as anything testifies.
    public var durable: Offset
    public var fault: DecodeFault?
    /// Where the damaged file is kept.
    public var quarantine: String?
    public var salvagedFrames = 0
    public var salvagedRecords = 0

    public var description: String {
      let place = "\(segment): intact up to \(end)"
      let cause = fault.map { ", there \($0)" } ?? ""
      switch decision {
      case .keep: return "\(segment): whole"
      case .trim: return "\(place); \(behind) allocated bytes given back"
      case .cutTornTail:
        return "\(place)\(cause); torn tail of \(behind) bytes, never durable, cut off"
      case .cutAndFetch:
        return "\(place)\(cause); \(behind) bytes not known as durable cut off, fetched again"
      case .quarantine:
        guard let quarantine else {
          return
            "\(place)\(cause), although durable up to \(durable); no space to keep the damaged "
            + "file aside, so it stays in its place and the next start tries again"
        }
        return "\(place)\(cause), although durable up to \(durable); damaged file kept as "
          + "\(quarantine), \(salvagedRecords) records in \(salvagedFrames) frames "
          + "salvaged, the rest to be healed from another node"
      case .awaitHealing:
        return "\(place), although durable up to \(durable); to be healed from another node"
      case .discard: return "\(segment): never used; file of \(size) bytes removed"
      }
    }

    private var size: UInt64 { end.value + behind }
  }

  /// What became of the checkpoint.
  public enum CheckpointUse: Hashable, Sendable {
    case none
    /// Its entries stand for all that it counted, and only what came after it was read.
    case used(entries: UInt64)
    /// Everything was read instead.
    case void(CheckpointFault)
  }

  public var checkpoint = CheckpointUse.none
  /// Every segment that was found, in the common order; `keep` and `trim` included.
  public var findings: [Finding] = []
  public var records: UInt64 = 0
  public var bytes: UInt64 = 0
  /// Segments whose damage of an earlier start is not healed yet.
  public var unhealed: [SegmentName] = []

  /// Findings that a person should hear of.
  public var incidents: [Finding] {
    findings.filter {
      switch $0.decision {
      case .keep, .trim, .discard: false
      case .cutTornTail, .cutAndFetch, .quarantine, .awaitHealing: true
      }
    }
  }

  public var description: String {
    var lines = ["\(findings.count) segments, \(records) records, \(bytes) bytes recovered"]
    if case .void(let fault) = checkpoint {
      lines.append("the checkpoint was not used: \(fault); nothing is lost by it")
    }
    lines += incidents.map(\.description)
    lines += unhealed.map { "\($0): damage of an earlier start is not healed yet" }
    return lines.joined(separator: "\n")
  }
}
