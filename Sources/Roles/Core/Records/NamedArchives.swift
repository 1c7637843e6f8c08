// Which archives a call's facts name: what keeps an archive from being dropped.

extension CallSpec {
  /// What a server needs before it can start, each once.
  public var archives: [ArchiveID] {
    var ids: [ArchiveID] = []
    if let executable { ids.append(executable) }
    if case .archive(let id, _) = input, !ids.contains(id) { ids.append(id) }
    if case .archive(let id, _) = stdin, !ids.contains(id) { ids.append(id) }
    return ids
  }
}

extension CallResult {
  public var archives: [ArchiveID] {
    var ids: [ArchiveID] = []
    if case .archive(let id, _) = stdout { ids.append(id) }
    if case .archive(let id, _) = stderr, !ids.contains(id) { ids.append(id) }
    if case .archive(let id, _) = files, !ids.contains(id) { ids.append(id) }
    return ids
  }
}
