// What a power cut may leave: a pure function of the state (that is, of the operations so far) and
// a seed. Data, size and directory entries are decided apart from each other, data by sectors, so
// that later writes may stand without earlier ones. Only what a sync confirmed is certain.

enum CrashImage {
  /// How the data of one file fared.
  private enum Fate: UInt64, CaseIterable {
    case nothing, everything, prefix, sectors, pages, mostSectors, fewSectors, dataAlone, sizeAlone
  }

  static func names(_ names: SimulatedNames, seed: UInt64) -> [String: Int] {
    var entries = names.durable
    let count = UInt64(names.pending.count)
    guard count > 0 else { return entries }
    let fate = mix(seed, 1) % 4
    let prefix = mix(seed, 2) % (count + 1)
    var dropped: Set<String> = []
    for (index, change) in names.pending.enumerated() {
      let survives =
        switch fate {
        case 0: false
        case 1: true
        case 2: UInt64(index) < prefix
        default: mix(seed, 3, UInt64(index)) % 2 == 0
        }
      // A change of an entry can't stand without the earlier changes of the same entry.
      if survives && !change.names.contains(where: { dropped.contains($0) }) {
        change.apply(to: &entries)
      } else {
        dropped.formUnion(change.names)
      }
    }
    return entries
  }

  static func file(_ file: SimulatedFile, number: Int, seed: UInt64) -> SimulatedFile {
    let changes = file.pending
    guard !changes.isEmpty else {
      return SimulatedFile(durable: file.durable, size: file.durableSize)
    }
    let count = UInt64(changes.count)
    let seed = mix(seed, 4, UInt64(number))
    let fates = Fate.allCases
    let fate = fates[Int(mix(seed, 5) % UInt64(fates.count))]
    let cut = mix(seed, 6) % (count + 1)
    var pages = file.durable
    var end = file.durableSize
    for (index, change) in changes.enumerated() {
      change.apply(to: &pages, upTo: end) { sector in
        keeps(fate, change: UInt64(index), of: count, cut: cut, sector: sector, seed: seed)
      }
      end = max(end, change.sizeAfter)
    }
    let sizes = [file.durableSize] + changes.map(\.sizeAfter)
    let size =
      switch fate {
      case .nothing, .dataAlone: file.durableSize
      case .everything, .sizeAlone: sizes[Int(count)]
      case .prefix: sizes[Int(min(cut + 1, count))]
      case .sectors, .pages, .mostSectors, .fewSectors: sizes[Int(mix(seed, 7) % (count + 1))]
      }
    pages.cut(to: size)
    return SimulatedFile(durable: pages, size: size)
  }

  /// Whether this sector of this change reached the disk. A sector is written as it was at one
  /// moment, so it holds a prefix of its changes.
  private static func keeps(
    _ fate: Fate, change: UInt64, of count: UInt64, cut: UInt64, sector: UInt64, seed: UInt64
  ) -> Bool {
    switch fate {
    case .nothing, .sizeAlone: false
    case .everything, .dataAlone: true
    case .prefix: change < cut || (change == cut && mix(seed, 8, sector) % 2 == 0)
    case .sectors: change < mix(seed, 9, sector) % (count + 1)
    case .pages: change < mix(seed, 10, sector / 8) % (count + 1)
    case .mostSectors: mix(seed, 11, sector) % 8 != 0
    case .fewSectors: mix(seed, 12, sector) % 8 == 0
    }
  }
}

/// A hash of numbers in which every bit depends on every bit (the finaliser of SplitMix64).
func mix(_ values: UInt64...) -> UInt64 {
  var state: UInt64 = 0x9e37_79b9_7f4a_7c15
  for value in values {
    state = (state ^ value) &* 0xbf58_476d_1ce4_e5b9
    state = (state ^ (state >> 32)) &* 0x94d0_49bb_1331_11eb
    state ^= state >> 29
  }
  return state
}
