import Foundation
import Testing

@testable import rpcv

@Suite("Reports")
struct ReportTests {
  @Test func jsonKeepsTheOrderOfItsMembers() {
    let json: JSON = [
      "z": 1, "a": ["x", true, .null, .double(1.5), .uint(.max)], "e": [], "o": [:],
    ]
    #expect(
      json.line == #"{"z":1,"a":["x",true,null,1.5,18446744073709551615],"e":[],"o":{}}"#)
    #expect(
      json.pretty == """
        {
          "z": 1,
          "a": [
            "x",
            true,
            null,
            1.5,
            18446744073709551615
          ],
          "e": [],
          "o": {}
        }

        """)
  }

  @Test func jsonEscapes() throws {
    let odd = "\"\\/\n\r\t\u{0}\u{1f}\u{7f}ü\u{1f600}\u{2028}"
    #expect(
      JSON.string("\"\\/\n\t\u{0}\u{7f}ü").line == #""\"\\/\n\t\u0000\u007fü""#)
    let back = try JSONSerialization.jsonObject(with: Data(JSON.array([.string(odd)]).line.utf8))
    #expect(back as? [String] == [odd])
    #expect(JSON.text([0x61, 0xff]).line == "\"a\u{fffd}\"")
    #expect(JSON.double(.nan).line == "null")
    #expect(JSON.int(.min).line == "-9223372036854775808")
  }

  @Test func tablesAlign() {
    var table = TextTable([.left("NAME"), .right("LAG"), .left("STATE")])
    table.add(["a", "12.5 s", "up"])
    table.add(["日本", "1 ms", ""])
    table.add(["long name", "0", "a\nb\u{1b}[2J", "surplus"])
    #expect(
      table.text() == """
        NAME          LAG  STATE
        a          12.5 s  up
        日本         1 ms
        long name       0  a\u{fffd}b\u{fffd}[2J

        """)
    #expect(TextTable([.left("A")]).text() == "A\n")
    #expect(TextTable([.left("A")]).text(withTitles: false) == "")
  }

  @Test func exitStatusesAreDistinctAndExplained() {
    for status in ExitStatus.allCases {
      #expect(ExitStatus.table.contains(status.meaning))
    }
  }
}
