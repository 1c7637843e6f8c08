/// Quotes a word for /bin/sh so that it means exactly its own bytes. The form is GNU parallel's:
/// plain words stay bare, the rest stands in single quotes, each single quote in double ones.
enum ShellQuote {
  static func quote(_ word: some Collection<UInt8>) -> Bytes {
    if word.isEmpty { return Array("''".utf8) }
    if word.allSatisfy(isBare) { return Array(word) }
    let apostrophe = UInt8(ascii: "'")
    var result: Bytes = []
    result.reserveCapacity(word.count + 2)
    let parts = word.split(separator: apostrophe, omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      let isOuter = index == 0 || index == parts.count - 1
      if index > 0 { result += [UInt8(ascii: "\""), apostrophe, UInt8(ascii: "\"")] }
      if !(part.isEmpty && isOuter) {
        result.append(apostrophe)
        result += part
        result.append(apostrophe)
      }
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
