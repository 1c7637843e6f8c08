// A frame on TCP: u32 length of the rest, u8 type, u64 exchange id, payload; little-endian. The
// first frame each way is the preface. One exchange is one request and one response (or refusal)
// with the request's id; exchanges on one connection are independent of each other.

enum FrameType: UInt8, Sendable {
  case preface = 0
  case request = 1
  case response = 2
  /// Instead of a response; with exchange id 0 it is the whole connection that is refused.
  case refusal = 3
}

struct Frame: Sendable {
  static let headerSize = 13
  /// What the length field counts beside the payload: type and exchange id.
  static let overhead = 9

  var type: FrameType
  var exchange: UInt64
  var payload: [UInt8]

  var size: Int { Frame.headerSize + payload.count }
}
