import Foundation
import ReplicationTransport
import Testing

@testable import rpcv

@Suite("Settings")
struct SettingsTests {
  private func file(_ text: String) throws(SettingError) -> ConfigFile {
    try ConfigFile(parsing: Array(text.utf8), path: "conf")
  }

  @Test func flagsOverEnvironmentOverFile() throws {
    let file = try file("# mine\n\n heartbeat =  2s  \r\nslots=3\ncoordinators = a:1, b:2\n")
    let environment = ["RPCV_HEARTBEAT": "3s", "RPCV_SLOTS": "", "RPCV_LOG_LEVEL": "debug"]
    let settings = Settings(
      flags: [.heartbeat: "4s"], environment: environment, file: file)
    #expect(try settings.duration(.heartbeat, default: .seconds(1)) == .seconds(4))
    #expect(
      try Settings(environment: environment, file: file).duration(.heartbeat, default: .zero)
        == .seconds(3))
    #expect(try Settings(file: file).duration(.heartbeat, default: .zero) == .seconds(2))
    #expect(try settings.duration(.suspicion, default: .seconds(10)) == .seconds(10))
    #expect(try settings.count(.slots, in: 1...9, default: 1) == 3)
    #expect(settings.text(.logLevel)?.value == "debug")
    #expect(
      try settings.addresses(.coordinators)
        == [HostPort(host: "a", port: 1), HostPort(host: "b", port: 2)])
    #expect(try settings.size(.capacity) == nil)
  }

  @Test(arguments: [
    ("slots = 1\nnonsense\n", "conf:2: 'nonsense' is not 'key = value' (and no comment with #)"),
    ("slot = 1", "conf:1: there is no key 'slot' (did you mean 'slots'?)"),
    ("zzzzzz = 1", "conf:1: there is no key 'zzzzzz'; `rpcv help settings` lists them"),
    ("slots = 1\n\nslots = 2", "conf:3: 'slots' stands in line 1 already"),
  ])
  func badFilesAreToldWithTheLine(text: String, message: String) {
    let error = #expect(throws: SettingError.self) { try file(text) }
    #expect(error?.description == message)
  }

  @Test func bytesThatAreNotTextAreTold() {
    let error = #expect(throws: SettingError.self) {
      try ConfigFile(parsing: [0x0a, 0xff, 0x3d], path: "conf")
    }
    #expect(error?.description == "conf:2: the line is not UTF-8 text")
  }

  @Test func badValuesAreToldWithTheirOrigin() throws {
    let file = try file("\nheartbeat = soon")
    func message(_ settings: Settings, _ key: SettingKey) -> String? {
      #expect(throws: SettingError.self) {
        _ =
          try key == .slots
          ? settings.count(key, in: 1...64, default: 1).description
          : settings.duration(key, default: .zero).description
      }?.description
    }
    let wanted = "is not a duration (such as 500ms, 10s, 1.5h or 1h30m)"
    #expect(message(Settings(file: file), .heartbeat) == "conf:2: 'soon' \(wanted)")
    #expect(
      message(Settings(environment: ["RPCV_HEARTBEAT": "x"], file: file), .heartbeat)
        == "RPCV_HEARTBEAT: 'x' \(wanted)")
    #expect(
      message(Settings(flags: [.slots: "65"]), .slots)
        == "--slots: '65' is not a number from 1 to 64")
  }

  private enum Policy: String, CaseIterable { case fast, slow }

  @Test func choices() throws {
    let settings = Settings(flags: [.strategy: "slow", .sync: "odd"])
    #expect(try settings.choice(.strategy, default: Policy.fast) == .slow)
    #expect(try settings.choice(.copies, default: Policy.fast) == .fast)
    let error = #expect(throws: SettingError.self) {
      try settings.choice(.sync, default: Policy.fast)
    }
    #expect(error?.description == "--sync: 'odd' is not one of fast, slow")
  }

  @Test func theFileIsFoundAndRead() throws {
    let scratch = try Scratch()
    let path = text(try scratch.file("config", "slots = 7\n"))
    let settings = try SettingsLoader.load(flags: [:], environment: ["RPCV_CONFIG": path])
    #expect(try settings.count(.slots, in: 1...9, default: 1) == 7)
    #expect(throws: SettingError.self) {
      try SettingsLoader.load(flags: [:], environment: ["RPCV_CONFIG": path + "x"])
    }
    _ = try SettingsLoader.load(flags: [:], environment: ["HOME": scratch.path])
    #expect(Settings.configPath(["HOME": "/h"])?.path == "/h/.config/rpcv/config")
    #expect(Settings.configPath(["HOME": "/h", "XDG_CONFIG_HOME": "/x"])?.path == "/x/rpcv/config")
    #expect(Settings.configPath([:]) == nil)
  }

  @Test func adoptionOfTheLivingIsRefused() throws {
    let standard = try GridSettings(flags: [:]).node(coordinators: [])
    #expect(standard.adoptAfter == .seconds(86_400))
    let week = try GridSettings(flags: [.adoptAfter: "168h"]).node(coordinators: [])
    #expect(week.adoptAfter == .seconds(7 * 86_400))
    let error = #expect(throws: CommandError.self) {
      try GridSettings(flags: [.adoptAfter: "99s", .suspicion: "10s"]).node(coordinators: [])
    }
    #expect(error?.description.contains("ten times the suspicion") == true)
  }

  @Test(arguments: [
    ("a:1", "a:1"), ("a", "a:7070"), ("lab3.example.org:80", "lab3.example.org:80"),
    ("[::1]:5", "[::1]:5"), ("[2001:db8::1]", "[2001:db8::1]:7070"),
    ("10.0.0.1:65535", "10.0.0.1:65535"),
  ])
  func addresses(text: String, description: String) throws {
    #expect(try HostPort.parse(text).description == description)
  }

  @Test(arguments: [
    "", ":1", "a:", "a:x", "a:65536", "a:-1", "::1", "[::1", "[::1]5", "a b:1", "a/b:1",
    "http://a:1", "u@a:1", "a:+1",
  ])
  func badAddresses(text: String) {
    #expect(throws: ParseError.self) { try HostPort.parse(text) }
  }

  @Test func addressLists() throws {
    #expect(try HostPort.parseList(" a:1,,b  a:1 ").map(\.description) == ["a:1", "b:7070"])
    #expect(try HostPort.parseList("") == [])
    #expect(throws: ParseError.self) { try HostPort.parseList("a:1,b:x") }
    #expect(try HostPort.parseListening(":5") == HostPort(host: "0.0.0.0", port: 5))
  }
}
