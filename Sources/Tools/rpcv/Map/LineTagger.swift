/// `--tag`: puts the job's arguments and a tab before each line of its output, chunk by chunk.
struct LineTagger: Sendable {
  private let tag: Bytes
  private var isAtLineStart = true

  /// `nil` passes everything unchanged.
  init(tag: Bytes?) { self.tag = tag.map { $0 + [UInt8(ascii: "\t")] } ?? [] }

  mutating func tagged(_ chunk: Bytes) -> Bytes {
    if tag.isEmpty { return chunk }
    var result: Bytes = []
    result.reserveCapacity(chunk.count + tag.count)
    for byte in chunk {
      if isAtLineStart { result += tag }
      result.append(byte)
      isAtLineStart = byte == UInt8(ascii: "\n")
    }
    return result
  }
}
