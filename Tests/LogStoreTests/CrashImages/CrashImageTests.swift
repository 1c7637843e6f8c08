// 20,000 crash images of seeded lives, each recovered and checked (F1, F3, F21 against I1, I2, I4,
// I10), and the planted bugs that prove that the checks can fail.

import Testing

@testable import LogStore

@Suite struct CrashImageTests {
  /// The amount of VERIFICATION.md, spread over seeds; RPCV_CRASH_IMAGES asks for more.
  static let chunks = 20
  static let imagesAChunk = TestAmount.crashImages / chunks

  @Test(arguments: 0..<chunks)
  func recoversEveryImage(_ chunk: Int) {
    var images = 0
    var lives = 0
    var checkpoints = 0
    var cleaned = 0
    var seed = UInt64(chunk) << 32
    while images < Self.imagesAChunk {
      seed += 1
      lives += 1
      let life = Self.campaign(seed, CrashSettings(), seeds: 2)
      images += life.images
      checkpoints += life.checkpoints
      cleaned += life.cleaned
      #expect(life.violations.isEmpty, "seed \(seed)")
      if !life.violations.isEmpty { return }
    }
    print(
      "crash images: chunk \(chunk): \(images) images of \(lives) lives, seeds to \(seed);",
      "\(checkpoints) recovered by a checkpoint, \(cleaned) segments cleaned on the way")
    #expect(checkpoints > images / 20 && cleaned > lives / 4)
  }

  /// One life and `seeds` images of each of its photographs.
  static func campaign(
    _ seed: UInt64, _ settings: CrashSettings, seeds: Int
  ) -> (images: Int, checkpoints: Int, cleaned: Int, violations: [String]) {
    let workload = CrashWorkload(seed: seed, settings)
    workload.run()
    var check = CrashCheck(workload.truth, settings.bugs)
    for (index, photograph) in workload.photographs.enumerated() {
      for image in 0..<seeds {
        check.check(
          photograph.disk, at: photograph.moment,
          seed: mix(seed, UInt64(index), UInt64(image)))
      }
    }
    return (
      check.images, check.checkpointsUsed, workload.cleaned,
      workload.violations + check.violations
    )
  }
}
