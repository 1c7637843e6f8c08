/// Quotes a word for /bin/sh so that it means exactly its own bytes. The form is GNU parallel's:
/// plain words stay bare, the rest stands in single quotes, runs of single quotes in double ones.
enum ShellQuote {
  private static let apostrophe = UInt8(ascii: "'")

  static func quote(_ word: some Collection<UInt8>) -> Bytes {
    if word.isEmpty { return Array("''".utf8) }
    if word.allSatisfy(isBare) { return Array(word) }
    var result: Bytes = []
    result.reserveCapacity(word.count + 2)
    var rest = word[...]
    while let first = rest.first {
      let isQuotes = first == apostrophe
      let run = rest.prefix { ($0 == apostrophe) == isQuotes }
      let mark = isQuotes ? UInt8(ascii: "\"") : apostrophe
      result.append(mark)
      result.append(contentsOf: run)
      result.append(mark)
      rest = rest[run.endIndex...]
    }
    return result
  }

  /// Letters, digits and `-_.+/`: no shell gives them a meaning, in whatever place.
  static func isBare(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "/"):
      true
    default: false
    }
  }
}
