import Foundation
import LogStore
import Measuring

// A big archive put and got, durable, beside cp and fsync of the same file. Each is done by a
// process of its own, whose peak memory is told.

struct ArchiveMeasure {
  let lineup: Lineup

  private var report: Report { lineup.report }
  private var settings: Settings { lineup.settings }

  func inAndOut() throws {
    let place = try lineup.directory()
    defer { lineup.remove(place) }
    let source = place + "/source"
    let id = try makeSource(source)
    var (puts, gets): ([ArchiveChild.Outcome], [ArchiveChild.Outcome]) = ([], [])
    var copies: [(before: Double, after: Double)] = []
    for _ in 0..<settings.runs {
      let before = try copy(source, place + "/copy")
      sync()
      let put = try ArchiveChild.start("put", place + "/store", source)
      guard put.id == id else { throw BenchError("the archive is not what was put") }
      sync()
      let after = try copy(source, place + "/copy")
      sync()
      let get = try ArchiveChild.start("get", place + "/store", place + "/out", id)
      guard try hash(of: place + "/out") == id else {
        throw BenchError("the archive is not what was got")
      }
      copies.append((before, after))
      puts.append(put)
      gets.append(get)
      for path in ["/store", "/copy", "/out"] { lineup.remove(place + path) }
      sync()
    }
    show(puts, gets, copies)
  }

  private func show(
    _ puts: [ArchiveChild.Outcome], _ gets: [ArchiveChild.Outcome],
    _ copies: [(before: Double, after: Double)]
  ) {
    let all = [
      ("cp, fsync", copies.map(\.before), []), ("LogStore, put", puts.map(\.seconds), puts),
      ("cp, fsync again", copies.map(\.after), []), ("LogStore, get", gets.map(\.seconds), gets),
    ]
    var table = Table(["", "seconds", "MB/s", "CPU s", "peak memory MiB"])
    for (name, seconds, children) in all {
      table.add([
        name, Figures(seconds).text(Unit.seconds),
        Figures(seconds.map { Double(settings.archiveBytes) / 1e6 / $0 }).text(Unit.count),
        Figures(children.map(\.cpuSeconds)).text(Report.number),
        Figures(children.map(\.peakMiB)).text(Report.number),
      ])
      report.note("archive", name, "seconds", seconds)
    }
    report.say(
      "\n" + table.text("an archive of \(settings.archiveBytes >> 20) MiB, durable").dropLast())
    report.compare(
      "archive in", copies.map(\.before), "cp, fsync", puts.map(\.seconds), .atLeast(0.7))
    report.compare(
      "archive out", copies.map(\.after), "cp, fsync", gets.map(\.seconds), .atLeast(0.7))
    let peaks = zip(puts, gets).map { max($0.peakMiB, $1.peakMiB) }
    report.judge("archive, peak memory", peaks, .atMost(64), "MiB")
  }

  /// Bytes that nothing compresses, as most archives are. Returns their SHA-256.
  private func makeSource(_ path: String) throws -> String {
    var dice = XorShift(seed: 5)
    var block = [UInt64](repeating: 0, count: 1 << 17)
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard file >= 0 else { throw BenchError("can't write \(path)") }
    defer { close(file) }
    for _ in 0..<max(1, settings.archiveBytes >> 20) {
      for index in block.indices { block[index] = dice.next() }
      let written = block.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      guard written == 1 << 20 else { throw BenchError("can't write \(path)") }
    }
    return try hash(of: path)
  }

  private func hash(of path: String) throws -> String {
    var hash = RunningHash()
    try ArchiveChild.forEachPiece(of: path) { hash.update($0) }
    return "\(hash.value)"
  }

  private func copy(_ from: String, _ to: String) throws -> Double {
    lineup.remove(to)
    return try timed {
      try runTool("/bin/cp", ["--reflink=never", from, to])
      let file = open(to, O_RDONLY)
      guard file >= 0, fsync(file) == 0 else { throw BenchError("can't sync \(to)") }
      close(file)
    }
  }
}

/// The process that puts or gets.
enum ArchiveChild {
  static let name = "archive-child"

  struct Outcome: Codable, Sendable {
    var id: String
    var seconds: Double
    var cpuSeconds: Double
    var peakMiB: Double
  }

  static func start(_ words: String...) throws -> Outcome {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = [name] + words
    process.standardOutput = output
    do { try process.run() } catch { throw BenchError("can't start a child: \(error)") }
    let words = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw BenchError("an archive's process failed") }
    return try JSONDecoder().decode(Outcome.self, from: words)
  }

  static func run(_ words: [String]) throws {
    guard words.count >= 3 else { throw BenchError("\(name) put|get DIRECTORY FILE [ID]") }
    var id = words.count > 3 ? words[3] : ""
    let seconds = try timed {
      if words[0] == "put" { id = try put(words[2], words[1]) }
      if words[0] == "get" { try get(id, words[2], words[1]) }
    }
    let outcome = Outcome(
      id: id, seconds: seconds, cpuSeconds: Meter(words[1]).read([]).cpuSeconds,
      peakMiB: try peakMiB())
    FileHandle.standardOutput.write(try JSONEncoder().encode(outcome))
  }

  private static func store(_ directory: String) throws -> ArchiveStore {
    var dice = SystemRandomNumberGenerator()
    return try ArchiveStore.open(
      directory, on: PosixFileSystem(), node: OpenStore.node, options: LogOptions(), entropy: &dice
    ).0
  }

  private static func put(_ file: String, _ directory: String) throws -> String {
    let store = try store(directory)
    var writer = ArchiveWriter(into: store)
    try forEachPiece(of: file) { try writer.write($0) }
    let manifest = try writer.finish(at: Clock.now())
    try store.log.commit()
    try store.log.close()
    return "\(manifest.id)"
  }

  private static func get(_ text: String, _ file: String, _ directory: String) throws {
    let store = try store(directory)
    let digits = text.compactMap(\.hexDigitValue)
    let bytes = stride(from: 0, to: digits.count - 1, by: 2).map {
      UInt8(digits[$0] << 4 | digits[$0 + 1])
    }
    guard let id = Hash256(bytes: bytes) else { throw BenchError("'\(text)' is no id") }
    let out = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard out >= 0 else { throw BenchError("can't write \(file)") }
    defer { close(out) }
    var failed = false
    try store.forEachChunk(of: id) { bytes in
      failed = failed || write(out, bytes.baseAddress, bytes.count) < bytes.count
    }
    guard !failed, fsync(out) == 0 else { throw BenchError("can't write \(file)") }
    try store.log.close()
  }

  /// A file in pieces of 256 KiB.
  static func forEachPiece(
    of path: String, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { throw BenchError("can't read \(path)") }
    defer { close(file) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
    defer { buffer.deallocate() }
    while true {
      let count = read(file, buffer.baseAddress, buffer.count)
      guard count >= 0 else { throw BenchError("can't read \(path)") }
      if count == 0 { return }
      try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  private static func peakMiB() throws -> Double {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
      let kilobytes = line.split { !$0.isNumber }.first.flatMap { Double($0) }
      if let kilobytes { return kilobytes / 1024 }
    }
    throw BenchError("no VmHWM in /proc/self/status")
  }
}
