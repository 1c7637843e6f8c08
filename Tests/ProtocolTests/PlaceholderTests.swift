import SwiftProtobuf
import Testing

@Test func placeholder() { #expect(1 == 1) }
