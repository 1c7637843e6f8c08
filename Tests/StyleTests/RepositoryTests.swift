import Testing

// The rules, on every text file of this repository.

@Suite("Style of the repository")
struct RepositoryTests {
  @Test(arguments: Rules.all.map(\.name))
  func everyFileKeepsTheRule(_ name: String) throws {
    let rule = try #require(Rules.all.first { $0.name == name })
    for violation in try Repository.textFiles().flatMap(rule.violations(in:)) {
      Issue.record("\(violation)")
    }
  }

  /// Guards against a walk that silently finds nothing.
  @Test func theWalkFindsTheRepository() throws {
    let paths = try Repository.textFiles().map(\.path)
    #expect(paths.contains("Package.swift"))
    #expect(paths.contains("Makefile"))
    #expect(paths.contains(".ci/run"))
    #expect(paths.contains("Tests/StyleTests/RepositoryTests.swift"))
    #expect(!paths.contains { $0.hasPrefix(".build") || $0.hasPrefix(".git/") })
  }

  @Test func ruleNamesAreUnique() {
    #expect(Set(Rules.all.map(\.name)).count == Rules.all.count)
  }
}
