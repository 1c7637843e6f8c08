import LogStore
import Testing

@testable import RolesNode

struct NodeSettingsTests {
  /// A small disk, or a small quota on a large one, has small segments; none gets larger ones.
  @Test func segmentsFitTheSpace() {
    var settings = NodeSettings()
    settings.fitSegments(toDisk: .max)
    #expect(settings.factsLog.segmentLimit == 64 << 20)
    #expect(settings.archivesLog.segmentLimit == 256 << 20)

    settings.fitSegments(toDisk: 64 << 20)
    #expect(settings.factsLog.segmentLimit == 4 << 20)
    #expect(settings.archivesLog.segmentLimit == 4 << 20)

    settings = NodeSettings()
    settings.factsLog.capacity = 32 << 20
    settings.fitSegments(toDisk: 1 << 40)
    #expect(settings.factsLog.segmentLimit == 2 << 20)
    #expect(settings.archivesLog.segmentLimit == 256 << 20)

    settings.fitSegments(toDisk: 100)
    #expect(settings.factsLog.segmentLimit == 1 << 20)
  }
}
