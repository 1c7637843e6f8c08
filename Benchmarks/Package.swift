// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
]

// The grid's benchmarks and the store's are two programs, so that each builds and links only what
// it needs.
let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "bench", targets: ["bench"]),
    .executable(name: "bench-store", targets: ["bench-store"]),
  ],
  dependencies: [.package(name: "rpcv", path: "..")],
  targets: [
    .target(name: "Measuring", swiftSettings: strict),
    .executableTarget(
      name: "bench",
      dependencies: ["Measuring", .product(name: "Roles", package: "rpcv")],
      swiftSettings: strict),

    .target(
      name: "CPeers",
      cSettings: [.unsafeFlags(["-Wall", "-Wextra"])],
      linkerSettings: [
        .linkedLibrary("sqlite3"), .linkedLibrary("rocksdb"), .linkedLibrary("pq"),
      ]),
    .executableTarget(
      name: "bench-store",
      dependencies: ["CPeers", "Measuring", .product(name: "LogStore", package: "rpcv")],
      path: "Sources/store",
      swiftSettings: strict),
  ]
)
