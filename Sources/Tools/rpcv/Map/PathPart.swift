/// What a placeholder takes of an argument that is a path; the rules are GNU parallel's, corner
/// cases included.
enum PathPart: Hashable, Sendable {
  /// `{}`
  case whole
  /// `{.}`: without the extension of the last component.
  case withoutExtension
  /// `{/}`: the last component; nothing after a slash at the end.
  case base
  /// `{//}`: the folder; `.` if there is none.
  case folder
  /// `{/.}`
  case baseWithoutExtension

  func of(_ argument: Bytes) -> Bytes {
    switch self {
    case .whole: argument
    case .withoutExtension: Self.withoutExtension(argument)
    case .base: Self.base(argument)
    case .folder: Self.folder(argument)
    case .baseWithoutExtension: Self.withoutExtension(Self.base(argument))
    }
  }

  private static let slash = UInt8(ascii: "/")
  private static let dot = UInt8(ascii: ".")

  private static func withoutExtension(_ path: Bytes) -> Bytes {
    guard let mark = path.lastIndex(of: dot), !path[mark...].contains(slash) else { return path }
    return Array(path[..<mark])
  }

  private static func base(_ path: Bytes) -> Bytes {
    guard let mark = path.lastIndex(of: slash) else { return path }
    return Array(path[(mark + 1)...])
  }

  private static func folder(_ path: Bytes) -> Bytes {
    let trimmed = trimmingSlashes(path[...])
    if trimmed.isEmpty { return path.isEmpty ? [dot] : [slash] }
    guard let mark = trimmed.lastIndex(of: slash) else { return [dot] }
    let folder = trimmingSlashes(trimmed[..<mark])
    return folder.isEmpty ? [slash] : Array(folder)
  }

  private static func trimmingSlashes(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var path = path
    while path.last == slash { path.removeLast() }
    return path
  }
}
