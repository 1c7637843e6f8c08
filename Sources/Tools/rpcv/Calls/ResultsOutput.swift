import Glibc
import LogStore
import RolesCore

// Where `rpcv results` puts a result: on standard output as it is, as JSON, or into files. Each is
// given the calls in their order, and the output of a call in chunks.

typealias Chunks = (Blob, (Bytes) throws -> Void) throws -> Void

protocol ResultsOutput {
  func write(_ call: CallCounter, _ result: CallResult, _ chunks: Chunks) throws
}

/// Outputs one after the other; how a call ended is said if it did not end well.
struct ResultsText: ResultsOutput {
  private let session: String
  private let out = FileSink.standardOutput()
  private let err = FileSink.standardError()

  init(_ session: String) { self.session = session }

  func write(_ call: CallCounter, _ result: CallResult, _ chunks: Chunks) throws {
    try chunks(result.stdout) { try out.write($0) }
    try chunks(result.stderr) { try err.write($0) }
    if result.signal != 0 {
      complain("\(session)/\(call) was ended by signal \(result.signal) on \(result.host)")
    } else if result.exitStatus != 0 {
      complain("\(session)/\(call) ended with exit status \(result.exitStatus) on \(result.host)")
    }
  }
}

/// An object a line. Output that is not UTF-8 text stands there in base64.
struct ResultsJSON: ResultsOutput {
  private let session: String
  private let out = FileSink.standardOutput()

  init(_ session: String) { self.session = session }

  func write(_ call: CallCounter, _ result: CallResult, _ chunks: Chunks) throws {
    var members = ResultsJSON.members(session, call, result)
    for (key, blob) in [("stdout", result.stdout), ("stderr", result.stderr)] {
      var bytes: Bytes = []
      try chunks(blob) { bytes += $0 }
      if let text = String(validating: bytes, as: UTF8.self) {
        members.append((key, .string(text)))
      } else {
        members.append((key + "Base64", .string(base64(bytes))))
      }
    }
    try out.write(Array((JSON.object(members).line + "\n").utf8))
  }

  static func members(
    _ session: String, _ call: CallCounter, _ result: CallResult
  ) -> [(key: String, value: JSON)] {
    [
      ("session", .string(session)), ("call", .uint(call.value)),
      ("exit", .uint(UInt64(result.exitStatus))), ("signal", .uint(UInt64(result.signal))),
      ("host", .string(result.host)), ("startedMs", .uint(result.started)),
      ("microseconds", .uint(result.duration)),
    ]
  }
}

/// FOLDER/17/stdout, stderr and exit. Each file appears whole or not at all; `exit` comes last, so
/// that where it stands the others do.
struct ResultsFolder: ResultsOutput {
  private let folder: Bytes
  private let session: String
  private let printsJSON: Bool

  init(_ folder: Bytes, _ session: String, printsJSON: Bool) {
    self.folder = folder
    self.session = session
    self.printsJSON = printsJSON
  }

  func write(_ call: CallCounter, _ result: CallResult, _ chunks: Chunks) throws {
    let place = folder + Array("/\(call)/".utf8)
    func path(_ name: String) -> Bytes { place + Array(name.utf8) }
    try FileSink.createFolders(above: place)
    try FileSink.replace(path("stdout")) { file in
      try chunks(result.stdout) { try file.write($0) }
    }
    try FileSink.replace(path("stderr")) { file in
      try chunks(result.stderr) { try file.write($0) }
    }
    let end = result.signal == 0 ? "\(result.exitStatus)\n" : "signal \(result.signal)\n"
    try FileSink.replace(path("exit")) { try $0.write(Array(end.utf8)) }
    guard printsJSON else { return }
    let members = ResultsJSON.members(session, call, result) + [("folder", .text(place))]
    try FileSink.standardOutput().write(Array((JSON.object(members).line + "\n").utf8))
  }
}

/// With padding.
func base64(_ bytes: Bytes) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var text: Bytes = []
  text.reserveCapacity((bytes.count + 2) / 3 * 4)
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let group = bytes[start..<min(start + 3, bytes.count)]
    var value = 0
    for index in 0..<3 {
      value = value << 8 | (index < group.count ? Int(group[start + index]) : 0)
    }
    for index in 0..<4 {
      let isPadding = index > group.count
      text.append(isPadding ? UInt8(ascii: "=") : alphabet[value >> (18 - 6 * index) & 63])
    }
  }
  return String(decoding: text, as: UTF8.self)
}
