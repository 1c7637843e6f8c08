import Testing

@testable import rpcv

@Suite("Options of map")
struct MapOptionsTests {
  @Test func theUsualLine() throws {
    let options = try options("-kj4 --joblog log --tag gzip -9 {} ::: a b")
    #expect(options.keepsOrder)
    #expect(options.jobs == .fixed(4))
    #expect(options.joblog == bytes("log"))
    #expect(options.tag == .everyArgument)
    #expect(options.command == ["gzip", "-9", "{}"].map(bytes))
    #expect(options.sources == [SourceGroup(columns: [.values([bytes("a"), bytes("b")])])])
    #expect(!options.readsStandardInput)
  }

  @Test func standardInputIsTheSourceIfNoneIsNamed() throws {
    #expect(try options("wc").readsStandardInput)
    #expect(try options("").readsStandardInput)
    #expect(try !options("-a x wc").readsStandardInput)
  }

  @Test func sourcesOfAllKinds() throws {
    let options = try options("-a f c ::: 1 2 :::+ 3 4 :::: g h ::::+ i")
    func file(_ name: String) -> SourceSpec { .file(bytes(name)) }
    #expect(
      options.sources == [
        SourceGroup(columns: [file("f")]),
        SourceGroup(columns: [
          .values([bytes("1"), bytes("2")]), .values([bytes("3"), bytes("4")]),
        ]),
        SourceGroup(columns: [file("g")]),
        SourceGroup(columns: [file("h"), file("i")]),
      ])
  }

  @Test func optionsWithValues() throws {
    let options = try options(
      "--timeout 90 --memory=1GiB --retries 3 --priority -2 --session s --env A=b=c --env B"
        + " --halt now,fail=2 -d ; --in {}.in --out {.}.o* --coordinators a:1,b --results r x")
    #expect(options.timeLimit == .seconds(90))
    #expect(options.memoryLimit == ByteSize(bytes: 1 << 30))
    #expect(options.failureLimit == 3)
    #expect(options.priority == -2)
    #expect(options.session == "s")
    #expect(options.environment == [.init(name: "A", value: "b=c"), .init(name: "B", value: nil)])
    #expect(options.halt == HaltPolicy(when: .now, why: .fail, count: 2))
    #expect(options.sequence.delimiter == UInt8(ascii: ";"))
    #expect(options.settings == [.coordinators: "a:1,b"])
    #expect(try options.inputs.map { try $0.path(job("q")) } == [bytes("q.in")])
    #expect(try options.outputs.map { try $0.glob(job("q.w")).description } == ["q.o*"])
    #expect(options.results != nil)
  }

  @Test func bytesThatAreNotTextPass() throws {
    let odd: Bytes = [0xff, 0x20, 0xfe]
    let options = try MapOptions(parsing: [bytes("c"), bytes(":::"), odd])
    #expect(options.sources == [SourceGroup(columns: [.values([odd])])])
  }

  @Test(arguments: [
    ("--foo x", "no option '--foo'"), ("-z x", "no option '-z'"), ("-kz x", "no option '-z'"),
    ("-j", "-j needs a value"), ("-j x c", "no number of jobs"), ("-j 2.5 c", "no number of jobs"),
    ("-k=3 c", "no option '-='"), ("--tag=x c", "takes no value"), ("--halt foo c", "--halt"),
    ("--halt now,fail c", "--halt"), ("--halt now,fail=0 c", "from 1"),
    ("--halt soon,fail=3% c", "percentage"),
    ("--timeout 5x c", "--timeout: '5x' is not a duration"),
    ("--memory 5x c", "--memory"), ("--retries 0 c", "from 1 to 1000"), ("--env =x c", "--env"),
    ("--env 1a=x c", "--env"), ("-d ab c", "-d"), ("c :::+ a", "none"), ("c ::::", "needs"),
    ("--session= c", "empty"), ("--joblog= c", "--joblog"),
  ])
  func badLinesAreRefusedWithTheReason(line: String, reason: String) throws {
    let error = #expect(throws: MapError.self) { try options(line) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test func helpNamesEveryOption() throws {
    #expect(try options("-k --help :::+ --foo").wantsHelp)
    let help = MapHelp.text
    for option in MapOption.all where !option.help.isEmpty {
      for name in option.names { #expect(help.contains(name)) }
    }
    #expect(help.split(separator: "\n").allSatisfy { $0.count <= 90 })
  }

  @Test func optionNamesAreUnique() {
    let names = MapOption.all.flatMap(\.names)
    #expect(Set(names).count == names.count)
  }

  @Test(arguments: [
    ("4", 8, 4), ("0", 8, nil), ("50%", 8, 4), ("150%", 2, 3), ("1%", 2, 1), ("+2", 8, 10),
    ("-1", 8, 7), ("-8", 8, 1), ("-100", 8, 1), ("0.5%", 2, 1),
  ])
  func jobCounts(text: String, cores: Int, jobs: Int?) throws {
    #expect(try JobCount(parsing: text).resolved(cores: cores) == jobs)
  }

  @Test(arguments: ["", "x", "2.5", "%", "-%", "+", "-", "1e3", "99999999", "-1%", "0%"])
  func badJobCounts(text: String) {
    #expect(throws: MapError.self) { try JobCount(parsing: text) }
  }
}
