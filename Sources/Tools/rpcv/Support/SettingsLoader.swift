import Glibc

/// Reads the configuration file of this process's environment. The only place that opens it.
enum SettingsLoader {
  /// A configuration is a page of text; more is some other file.
  private static let limit = 1024 * 1024

  static func load(flags: [SettingKey: String], environment: [String: String])
    throws(SettingError) -> Settings
  {
    var file: ConfigFile?
    if let (path, mustExist) = Settings.configPath(environment),
      let bytes = try read(path, mustExist: mustExist)
    {
      file = try ConfigFile(parsing: bytes, path: path)
    }
    return Settings(flags: flags, environment: environment, file: file)
  }

  /// nil if there is no such file and it need not exist.
  private static func read(_ path: String, mustExist: Bool) throws(SettingError) -> [UInt8]? {
    func failure(_ what: String) -> SettingError {
      SettingError(origin: .file(path: path, line: 0), what: what)
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 {
      if errno == ENOENT || errno == ENOTDIR, !mustExist { return nil }
      throw failure("cannot be read: \(reason(errno))")
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw failure("cannot be read: \(reason(errno))") }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      if bytes.count > limit { throw failure("is longer than 1 MiB: no configuration") }
    }
  }

  /// The environment of this process.
  static func processEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if let mark = text.firstIndex(of: "=") {
        result[String(text[..<mark])] = String(text[text.index(after: mark)...])
      }
      next += 1
    }
    return result
  }
}
