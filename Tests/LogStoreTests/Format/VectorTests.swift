import Testing

// Not the whole of Foundation: it has a FileHandle of its own.
import struct Foundation.Data
import class Foundation.FileManager
import class Foundation.JSONSerialization
import class Foundation.ProcessInfo

@testable import LogStore

/// Every file in Vectors is read as its manifest says: the verdict, where it ends, each frame, each
/// record. The manifest is for readers in other languages too.
struct VectorTests {
  private static let folder: String = {
    let here = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return "/" + here + "/Vectors"
  }()

  private func file(_ name: String) throws -> [UInt8] {
    try [UInt8](#require(FileManager.default.contents(atPath: Self.folder + "/" + name), "\(name)"))
  }

  private func manifest() throws -> [[String: Any]] {
    let all = try JSONSerialization.jsonObject(with: Data(file("manifest.json")))
    let fields = try #require(all as? [String: Any])
    #expect(fields["version"] as? Int == 1)
    return try #require(fields["vectors"] as? [[String: Any]])
  }

  /// A disk with one vector in it.
  private func disk(
    _ entry: [String: Any]
  ) throws -> (disk: SimulatedDisk, directory: String, log: LogKind, node: NodeID) {
    let disk = SimulatedDisk()
    let log: LogKind = entry["log"] as? String == "archives" ? .archives : .facts
    let directory = "/\(log)"
    try disk.makeDirectory(directory)
    let name = try #require(entry["name"] as? String)
    try disk.make(directory + "/" + name, file(try #require(entry["file"] as? String)))
    if let notes = entry["notes"] as? String { try disk.make(directory + "/notes", file(notes)) }
    let owner = try #require((entry["directory_of"] as? String).flatMap { ID128($0) })
    return (disk, directory, log, NodeID(owner))
  }

  @Test func everyVectorIsReadAsItsManifestSays() throws {
    if ProcessInfo.processInfo.environment["RPCV_WRITE_VECTORS"] != nil { try write() }
    let entries = try manifest()
    #expect(entries.count == Vector.all.count)
    for entry in entries {
      let (disk, directory, _, node) = try disk(entry)
      let found = try described(disk, directory, node)
      #expect(found.count == (entry["verdict"] as? String == "newer" ? 3 : 7))
      for (key, value) in found {
        #expect(
          try Self.text(entry[key] ?? "missing") == Self.text(value),
          "\(entry["file"] ?? ""): \(key)")
      }
    }
  }

  private static func text(_ value: Any) throws -> String {
    let data = try JSONSerialization.data(withJSONObject: ["": value], options: .sortedKeys)
    return String(decoding: data, as: UTF8.self)
  }

  /// And a start does what the manifest says, and gets the same records.
  @Test func aStartDecidesAsTheManifestSays() throws {
    for entry in try manifest() {
      let (disk, directory, log, node) = try disk(entry)
      var dice = SplitMix64(seed: 1)
      var payloads: [String] = []
      let open = {
        try Log.open(
          directory, on: disk, node: node, log: log, options: smallOptions(), entropy: &dice
        ) { payloads.append(Self.hex([UInt8]($2))) }.1
      }
      if entry["verdict"] as? String == "newer" {
        #expect(throws: LogError.self) { try open() }
        continue
      }
      let report = try open()
      let name = "\(entry["file"] ?? "")"
      #expect(
        report.findings.map { Self.word($0.decision) } == [entry["decision"] as? String], "\(name)")
      let records = try #require(entry["records"] as? [[String: Any]])
      let isSalvaged = entry["decision"] as? String == "quarantine"
      let wanted = records.filter { isSalvaged || $0["behind"] as? Bool == false }
      #expect(payloads == wanted.map { $0["payload"] as? String }, "\(name)")
    }
  }

  /// What is committed is what the makers make; but for what a compressor may do otherwise.
  @Test func theFilesAreWhatTheirMakersMake() throws {
    for vector in Vector.all {
      #expect(vector.bytes.count < 4096)
      let bytes = try file(vector.name + ".seg")
      if !vector.isCompressed { #expect(bytes == vector.bytes, "\(vector.name)") }
    }
    let listed = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
    let notes = Vector.all.filter { !$0.notes.isEmpty }.map { $0.name + ".notes" }
    #expect(Set(listed) == Set(Vector.all.map { $0.name + ".seg" } + notes + ["manifest.json"]))
  }

  // MARK: what a reader finds

  private func described(
    _ disk: SimulatedDisk, _ directory: String, _ node: NodeID
  ) throws -> [String: Any] {
    let inspection = try LogInspection.read(directory, node: node, on: disk)
    guard let segment = inspection.segments.first else {
      guard case .newerVersion? = inspection.unreadable.first?.error else { return [:] }
      return ["verdict": "newer", "frames": [] as [Any], "records": [] as [Any]]
    }
    var frames: [[String: Any]] = []
    var records: [[String: Any]] = []
    var isBehind = false
    try inspection.walk(
      segment,
      frame: { frame in
        isBehind = frame.isBehind
        frames.append([
          "offset": Int(frame.offset.value), "end": Int(frame.end.value),
          "first": Int(frame.first.value), "count": Int(frame.count), "codec": frame.codec,
          "raw": Int(frame.rawSize), "stored": Int(frame.storedSize),
          "durable": Int(frame.durable.value), "checksum": "\(frame.checksum)",
          "behind": frame.isBehind,
        ])
      },
      record: { position, kind, payload in
        records.append([
          "ordinal": Int(position.ordinal.value), "kind": Int(kind.value),
          "payload": Self.hex([UInt8](payload)), "behind": isBehind,
        ])
      })
    return [
      "verdict": segment.state.word, "decision": Self.word(segment.decision),
      "end": Int(segment.end.value), "chain": "\(segment.chain)",
      "durable": Int(segment.durable.value), "frames": frames, "records": records,
    ]
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private static func word(_ decision: RecoveryDecision) -> String {
    switch decision {
    case .keep: "keep"
    case .trim: "trim"
    case .cutTornTail: "cut the torn tail"
    case .cutAndFetch: "cut and fetch"
    case .quarantine: "quarantine"
    case .awaitHealing: "await healing"
    case .discard: "discard"
    }
  }

  // MARK: writing

  /// Once, by hand, when the format changes: the manifest is then to be read by a person.
  private func write() throws {
    var entries: [[String: Any]] = []
    for vector in Vector.all {
      save(vector.bytes, vector.name + ".seg")
      var entry: [String: Any] = [
        "file": vector.name + ".seg", "about": vector.about, "directory_of": "\(vector.owner)",
        "log": "\(vector.segment.log)", "name": SegmentFileName.file(vector.segment),
      ]
      if !vector.notes.isEmpty {
        let disk = SimulatedDisk()
        try disk.makeDirectory("/notes")
        var (file, _) = try NotesFile.open(in: "/notes", log: vector.segment.log, on: disk)
        try file.append(vector.notes, on: disk)
        save(try disk.contents("/notes/notes"), vector.name + ".notes")
        entry["notes"] = vector.name + ".notes"
      }
      let (disk, directory, _, node) = try disk(entry)
      entry.merge(try described(disk, directory, node)) { $1 }
      entries.append(entry)
    }
    let data = try JSONSerialization.data(
      withJSONObject: ["version": 1, "vectors": entries], options: [.prettyPrinted, .sortedKeys])
    save([UInt8](data) + [10], "manifest.json")
  }

  private func save(_ bytes: [UInt8], _ name: String) {
    _ = FileManager.default.createFile(atPath: Self.folder + "/" + name, contents: Data(bytes))
  }
}
