// How much of a random test is done: what VERIFICATION.md says for the test command, or what an
// environment variable says, for the long runs.

import class Foundation.ProcessInfo

enum TestAmount {
  /// Crash images that are recovered and checked.
  static let crashImages = of("RPCV_CRASH_IMAGES", 20_000)
  /// Calls of long random lives that fail, beside every call of a short one.
  static let failingCalls = of("RPCV_FAILING_CALLS", 150)
  /// Seeds of random operations against the model.
  static let modelSeeds = of("RPCV_MODEL_SEEDS", 60)
  /// Mutations of valid bytes, for each decoder.
  static let mutations = of("RPCV_MUTATIONS", 4_000)

  private static func of(_ name: String, _ usual: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? usual
  }
}
