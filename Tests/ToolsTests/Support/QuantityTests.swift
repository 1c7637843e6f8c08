import Testing

@testable import rpcv

@Suite("Quantities")
struct QuantityTests {
  @Test(arguments: [
    ("500ms", 500), ("10s", 10_000), ("1.5s", 1500), ("2m", 120_000), ("1h30m", 5_400_000),
    ("1d", 86_400_000), ("0", 0), ("0s", 0), ("2min3sec", 123_000), ("1000us", 1),
  ])
  func durations(text: String, milliseconds: Int) throws {
    #expect(try Duration(parsing: text) == .milliseconds(milliseconds))
  }

  @Test(arguments: [
    "", "s", "10", "-1s", "+1s", "1 s", "1s ", "1.s", ".5s", "1..5s", "1x", "1s5", "99999999999d",
    "1e3s", "inf", "nan", "0x10s", "1,5s", "١s",
  ])
  func badDurations(text: String) {
    #expect(throws: ParseError.self) { try Duration(parsing: text) }
  }

  @Test func aBareNumberHasTheUnitOfItsOption() throws {
    #expect(try Duration(parsing: "90", bareUnit: .seconds(1)) == .seconds(90))
    #expect(try Duration(parsing: "1m", bareUnit: .seconds(1)) == .seconds(60))
    #expect(throws: ParseError.self) { try Duration(parsing: "1m5", bareUnit: .seconds(1)) }
  }

  @Test(arguments: [
    ("4096", 4096), ("0", 0), ("64MiB", 64 << 20), ("64M", 64 << 20), ("64mib", 64 << 20),
    ("1GB", 1_000_000_000), ("1.5GiB", 3 << 29), ("2 KiB", 2048), ("7B", 7), ("1TiB", 1 << 40),
  ])
  func sizes(text: String, bytes: UInt64) throws {
    #expect(try ByteSize(parsing: text).bytes == bytes)
  }

  @Test(arguments: ["", "MiB", "-1", "1.5", "1x", "1 2", "99999999PiB", "1e9", "0.0001KiB"])
  func badSizes(text: String) {
    let error = #expect(throws: ParseError.self) { try ByteSize(parsing: text) }
    #expect(error?.description == "'\(text)' is not a size (such as 4096, 64MiB or 2GB)")
  }

  @Test(arguments: [
    (0, "0 ms"), (850, "850 ms"), (999, "999 ms"), (1000, "1.0 s"), (12_345, "12.3 s"),
    (59_960, "1m00s"), (245_000, "4m05s"), (3_600_000, "1h00m"), (11_520_000, "3h12m"),
    (187_200_000, "2d04h"), (-5, "0 ms"),
  ])
  func formattedDurations(milliseconds: Int, text: String) {
    #expect(Format.duration(.milliseconds(milliseconds)) == text)
  }

  @Test(arguments: [
    (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (64 << 20, "64.0 MiB"),
    (1_048_575, "1.0 MiB"), (UInt64.max, "16.0 EiB"),
  ])
  func formattedSizes(bytes: UInt64, text: String) { #expect(Format.size(bytes) == text) }

  @Test(arguments: [
    (1234.4, "1,234/s"), (12.34, "12.3/s"), (1.0, "1.0/s"), (0.5, "30.0/min"), (0.001, "3.6/h"),
    (0, "0.0/h"), (99.99, "100.0/s"),
  ])
  func formattedRates(rate: Double, text: String) { #expect(Format.rate(rate) == text) }

  @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567")])
  func formattedCounts(number: Int, text: String) { #expect(Format.count(number) == text) }
}
