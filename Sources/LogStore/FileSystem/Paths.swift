// Paths as text: the little that the engine needs of them. No look at the disk.

/// The directory in which `path` stands; "" for a bare name, which means the current one.
func parentDirectory(of path: String) -> String {
  var text = path[...]
  while text.count > 1, text.last == "/" { text.removeLast() }
  guard let slash = text.lastIndex(of: "/") else { return "" }
  return slash == text.startIndex ? "/" : String(text[..<slash])
}
