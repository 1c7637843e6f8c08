/// Words with placeholders, filled in for a job without a shell's help. A placeholder for several
/// arguments ends a word behind each of them but the last, as blanks between quoted ones would.
struct WordTemplates: Sendable {
  let words: [[Template.Piece]]
  /// Under -q a word without value is an empty word; in a shell's text it is none.
  let keepsEmptyWords: Bool

  func filledIn(_ job: Job) -> [Bytes] {
    var result: [Bytes] = []
    for word in words {
      var current: Bytes? = keepsEmptyWords ? [] : nil
      for piece in word {
        switch piece {
        case .literal(let bytes): current = (current ?? []) + bytes
        case .placeholder(let placeholder):
          for (index, value) in Template.values(of: placeholder, in: job).enumerated() {
            if index > 0, let done = current {
              result.append(done)
              current = nil
            }
            current = (current ?? []) + value
          }
        }
      }
      if let current { result.append(current) }
    }
    return result
  }
}
