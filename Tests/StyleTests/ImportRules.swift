// Who may import whom. Imports run one way, Tools -> Roles -> Replication -> LogStore, and cores
// know no clock, socket or disk. A folder that is missing here breaks the rule too, so that a new
// one is given its place on purpose.

/// A folder of Sources and what its files may import.
struct Layer: Sendable {
  let folder: String
  /// Modules of this package.
  let ours: Set<String>
  /// System modules and packages that give I/O, clocks or threads: forbidden in what must run in
  /// virtual time from a seed.
  let mayDoIO: Bool
  /// Modules that are allowed all the same.
  var exceptions: Set<String> = []
}

extension Rules {
  static let ourModules: Set<String> = [
    "CLZ4", "CSpawn", "CZlib", "LogStore", "ReplicationCore", "ReplicationTransport", "RolesCore",
    "RolesNode", "RolesShell", "Simulator", "rpcv", "rpcv_logdump",
  ]

  static let layers = [
    Layer(
      folder: "Sources/LogStore/", ours: ["CLZ4", "CZlib"], mayDoIO: false,
      exceptions: ["Glibc", "Musl", "Darwin"]),
    Layer(folder: "Sources/Replication/Core/", ours: ["LogStore"], mayDoIO: false),
    Layer(
      folder: "Sources/Replication/Transport/", ours: ["ReplicationCore", "LogStore"],
      mayDoIO: true),
    Layer(
      folder: "Sources/Roles/Core/", ours: ["ReplicationCore", "LogStore"], mayDoIO: false),
    Layer(
      folder: "Sources/Roles/Node/", ours: ["RolesCore", "ReplicationCore", "LogStore"],
      mayDoIO: false),
    Layer(
      folder: "Sources/Roles/Shell/",
      ours: [
        "CSpawn", "LogStore", "ReplicationCore", "ReplicationTransport", "RolesCore", "RolesNode",
      ], mayDoIO: true),
    Layer(
      folder: "Sources/Tools/Simulator/",
      ours: ["LogStore", "ReplicationCore", "RolesCore", "RolesNode"], mayDoIO: true),
    Layer(
      folder: "Sources/Tools/rpcv/",
      ours: [
        "CSpawn", "LogStore", "ReplicationCore", "ReplicationTransport", "RolesCore", "RolesNode",
        "RolesShell",
      ], mayDoIO: true),
    Layer(
      folder: "Sources/Tools/rpcv-logdump/", ours: ["LogStore", "ReplicationCore", "RolesCore"],
      mayDoIO: true),
  ]

  static let imports = [
    Rule(
      name: "imports",
      reason: "imports run one way (Tools, Roles, Replication, LogStore), and a core that can't"
        + " reach a clock, a socket or a disk runs unchanged in the simulator",
      applies: { $0.isSwift && $0.isInSources },
      check: { file in
        guard let layer = layers.first(where: { file.path.hasPrefix($0.folder) }) else {
          return [(1, "the folder has no row in Tests/StyleTests/ImportRules.swift")]
        }
        return importedModules(file).compactMap { line, module in
          objection(to: module, in: layer).map { (line, $0) }
        }
      })
  ]

  static func importedModules(_ file: SourceFile) -> [(line: Int, module: String)] {
    file.codeLines.enumerated().compactMap { index, line in
      let words = line.split(separator: " ")
      guard let keyword = words.firstIndex(of: "import") else { return nil }
      let modifiers = words[..<keyword]
      guard modifiers.allSatisfy({ $0.hasPrefix("@") || accessLevels.contains($0) }) else {
        return nil
      }
      let rest = words[(keyword + 1)...].drop { symbolKinds.contains($0) }
      guard let name = rest.first?.split(separator: ".").first else { return nil }
      return (index + 1, String(name))
    }
  }

  private static let accessLevels: Set<Substring> = [
    "public", "package", "internal", "fileprivate", "private",
  ]
  private static let symbolKinds: Set<Substring> = [
    "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
  ]

  private static func objection(to module: String, in layer: Layer) -> String? {
    if layer.exceptions.contains(module) { return nil }
    if ourModules.contains(module) {
      return layer.ours.contains(module)
        ? nil : "\(layer.folder) may not import \(module), which stands above or beside it"
    }
    return !layer.mayDoIO && doesIO(module)
      ? "\(layer.folder) may not import \(module): it does no I/O of its own" : nil
  }

  private static func doesIO(_ module: String) -> Bool {
    module.hasPrefix("NIO") || module.hasPrefix("Foundation") || module == "Dispatch"
      || ["Glibc", "Musl", "Darwin", "Logging", "ArgumentParser", "SystemPackage"].contains(module)
  }
}
