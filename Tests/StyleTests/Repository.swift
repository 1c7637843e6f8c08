import Foundation

/// The repository that this test file stands in: its text files, in the order of their paths.
enum Repository {
  static let root: URL = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    return url
  }()

  private static let textExtensions: Set<String> = [
    "c", "h", "json", "md", "modulemap", "proto", "sh", "swift", "toml", "txt", "yml", "view",
  ]
  private static let textNames: Set<String> = ["Makefile", "run", ".gitignore", ".swift-format"]

  static func textFiles() throws -> [SourceFile] {
    var result: [SourceFile] = []
    try collect(root, prefix: "", into: &result)
    return result.sorted { $0.path < $1.path }
  }

  /// Build products, the package manager's own files and version control are not ours.
  private static func isSkipped(_ name: String) -> Bool {
    name == ".git" || name == ".build" || name.hasPrefix(".build-") || name == "Package.resolved"
      || name == ".swiftpm"
  }

  private static func collect(_ folder: URL, prefix: String, into result: inout [SourceFile])
    throws
  {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    for name in names where !isSkipped(name) {
      let url = folder.appendingPathComponent(name)
      let kind = try url.resourceValues(forKeys: [.isDirectoryKey, .isSymbolicLinkKey])
      if kind.isSymbolicLink == true { continue }
      if kind.isDirectory == true {
        try collect(url, prefix: prefix + name + "/", into: &result)
      } else if textNames.contains(name) || textExtensions.contains(url.pathExtension) {
        result.append(SourceFile(path: prefix + name, bytes: [UInt8](try Data(contentsOf: url))))
      }
    }
  }
}
