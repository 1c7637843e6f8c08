// swift-tools-version: 6.2
import PackageDescription

/// Our own targets: language mode 6 (the tools version's default) and no warning survives.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
]

// Each target names every module that it imports: with a module that is reached only through
// another, an incremental build leaves the importer as it was.
let package = Package(
  name: "rpcv",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "LogStore", targets: ["LogStore"]),
    .library(
      name: "Roles",
      targets: [
        "LogStore", "ReplicationCore", "ReplicationTransport", "RolesCore", "RolesNode",
        "RolesShell",
      ]),
    .executable(name: "rpcv", targets: ["rpcv"]),
    .executable(name: "rpcv-logdump", targets: ["rpcv-logdump"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
  ],
  targets: [
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CLZ4", providers: [.apt(["liblz4-dev"])]),
    .target(name: "CSpawn"),

    .target(
      name: "LogStore",
      dependencies: [
        "CLZ4", "CZlib",
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      swiftSettings: strict),

    .target(
      name: "ReplicationCore",
      dependencies: ["LogStore"],
      path: "Sources/Replication/Core",
      exclude: ["Messages/wire.proto"],
      swiftSettings: strict),
    .target(
      name: "ReplicationTransport",
      dependencies: [
        "LogStore", "ReplicationCore",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      path: "Sources/Replication/Transport",
      exclude: ["transport.proto"],
      swiftSettings: strict),

    .target(
      name: "RolesCore",
      dependencies: [
        "LogStore", "ReplicationCore",
        .product(name: "DequeModule", package: "swift-collections"),
      ],
      path: "Sources/Roles/Core",
      exclude: ["Messages/calls.proto", "Records/records.proto"],
      swiftSettings: strict),
    .target(
      name: "RolesNode",
      dependencies: [
        "LogStore", "ReplicationCore", "RolesCore",
        .product(name: "DequeModule", package: "swift-collections"),
      ],
      path: "Sources/Roles/Node",
      swiftSettings: strict),
    .target(
      name: "RolesShell",
      dependencies: [
        "CSpawn", "LogStore", "ReplicationCore", "ReplicationTransport", "RolesCore", "RolesNode",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Logging", package: "swift-log"),
      ],
      path: "Sources/Roles/Shell",
      swiftSettings: strict),

    .executableTarget(
      name: "rpcv",
      dependencies: [
        "LogStore", "ReplicationCore", "ReplicationTransport", "RolesCore", "RolesNode",
        "RolesShell",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/Tools/rpcv",
      swiftSettings: strict),

    .executableTarget(
      name: "rpcv-logdump",
      dependencies: [
        "LogStore", "RolesCore",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/Tools/rpcv-logdump",
      swiftSettings: strict),

    .target(
      name: "Simulator",
      dependencies: ["LogStore", "ReplicationCore", "RolesCore", "RolesNode"],
      path: "Sources/Tools/Simulator",
      swiftSettings: strict),

    .testTarget(
      name: "LogStoreTests", dependencies: ["LogStore"], exclude: ["Vectors"],
      swiftSettings: strict),
    .testTarget(
      name: "ReplicationTests",
      dependencies: [
        "LogStore", "ReplicationCore", "ReplicationTransport",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "RolesTests",
      dependencies: [
        "CSpawn", "LogStore", "ReplicationCore", "ReplicationTransport", "RolesCore", "RolesNode",
        "RolesShell",
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ProtocolTests",
      dependencies: [
        "LogStore", "ReplicationCore", "ReplicationTransport", "RolesCore",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ]),
    .testTarget(
      name: "SimulationTests",
      dependencies: ["LogStore", "ReplicationCore", "RolesCore", "RolesNode", "Simulator"],
      swiftSettings: strict),
    .testTarget(
      name: "ToolsTests",
      dependencies: ["LogStore", "ReplicationTransport", "RolesCore", "rpcv", "rpcv-logdump"],
      swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests", dependencies: ["LogStore", "rpcv", "rpcv-logdump"],
      swiftSettings: strict),
    .testTarget(name: "StyleTests", swiftSettings: strict),
  ]
)
