import Testing

// `#expect` takes its expression apart and can't call what mutates; these take the value.

func expect(
  _ condition: Bool, _ comment: Comment? = nil, at location: SourceLocation = #_sourceLocation
) {
  #expect(condition, comment, sourceLocation: location)
}

func expect<Value: Equatable>(
  _ value: Value, equals expected: Value, _ comment: Comment? = nil,
  at location: SourceLocation = #_sourceLocation
) {
  #expect(value == expected, comment, sourceLocation: location)
}
