import Foundation
import RolesCore
import Testing

@testable import rpcv

@Suite("The same session with other parameters")
struct SessionWitnessTests {
  private func spec(_ words: String...) -> CallSpec {
    var spec = CallSpec()
    spec.service = "exec"
    spec.arguments = words.map(bytes)
    return spec
  }

  private func run(_ jobs: ClosedRange<Int>, _ folder: String) throws {
    let witness = SessionWitness(in: folder)
    for number in jobs { try witness.check(spec("echo", "\(number)")) }
  }

  @Test func theSameJobsGoOnAndMoreMayFollow() throws {
    let scratch = try Scratch()
    // More than one window of the file.
    try run(1...9000, scratch.path)
    try run(1...3, scratch.path)
    try run(1...9100, scratch.path)
    try run(1...9100, scratch.path)
    let size = try FileManager.default.attributesOfItem(atPath: scratch.path + "/jobs")[.size]
    #expect(size as? Int == 9100 * 8)
  }

  @Test(arguments: [1, 2, 5, 8999, 9000]) func anotherJobIsFound(_ other: Int) throws {
    let scratch = try Scratch()
    try run(1...9000, scratch.path)
    let witness = SessionWitness(in: scratch.path)
    for number in 1..<other { try witness.check(spec("echo", "\(number)")) }
    #expect(throws: CommandError.self) { try witness.check(spec("echo", "other")) }
  }

  @Test func environmentCountsAndPriorityDoesNot() throws {
    let scratch = try Scratch()
    try run(1...1, scratch.path)
    var urgent = spec("echo", "1")
    urgent.priority = 5
    try SessionWitness(in: scratch.path).check(urgent)
    var other = spec("echo", "1")
    other.environment = [EnvironmentVariable(name: "A", value: "b")]
    #expect(throws: CommandError.self) { try SessionWitness(in: scratch.path).check(other) }
  }

  @Test func withoutItsFileNothingIsRefused() throws {
    let witness = SessionWitness(in: "/nowhere/at/all")
    try witness.check(spec("echo", "1"))
    try witness.check(spec("echo", "2"))
  }
}
