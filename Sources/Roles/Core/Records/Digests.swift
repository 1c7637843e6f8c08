import LogStore

// The two hashes that the protocol compares: of what a call asks for, and of what it gave. Both are
// part of the format: another order of fields is another protocol.

extension Hash256 {
  /// A call's digest. Priority, limits and retries are left out: they don't change the result.
  public static func of(spec: CallSpec) -> Digest {
    var fields = FieldHash("rpcv call 1")
    fields.append(spec.service)
    fields.append(spec.version)
    fields.append(spec.executable)
    fields.append(UInt64(spec.arguments.count))
    for argument in spec.arguments { fields.append(argument) }
    fields.append(blob: spec.stdin)
    fields.append(tree: spec.input)
    fields.append(UInt64(spec.environment.count))
    for variable in spec.environment {
      fields.append(variable.name)
      fields.append(variable.value)
    }
    fields.append(UInt64(spec.collectsFiles ? 1 : 0))
    return fields.value
  }
}

extension CallResult {
  /// SHA-256 over status, output and files; never over times or hosts.
  public var computedHash: Hash256 {
    var fields = FieldHash("rpcv result 1")
    fields.append(UInt64(exitStatus))
    fields.append(UInt64(signal))
    fields.append(blob: stdout)
    fields.append(blob: stderr)
    fields.append(tree: files)
    return fields.value
  }
}

extension FieldHash {
  /// No tree at all is an empty field.
  fileprivate mutating func append(tree: Blob) {
    if tree == .empty { append([UInt8]()) } else { append(blob: tree) }
  }

  /// Bytes in the record enter by their own hash, archives by their name and length.
  fileprivate mutating func append(blob: Blob) {
    switch blob {
    case .inline(let bytes):
      append(UInt64(0))
      append(UInt64(bytes.count))
      append(Hash256.of(bytes))
    case .archive(let id, let size):
      append(UInt64(1))
      append(size)
      append(id)
    }
  }
}
