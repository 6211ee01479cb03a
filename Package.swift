// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "clew",
    products: [
        .executable(name: "clew", targets: ["clew"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        .target(name: "ClewNet", swiftSettings: strict),
        .target(name: "ClewBundle", swiftSettings: strict),
        .target(name: "ClewSnapshot", dependencies: ["ClewNet", "ClewBundle"], swiftSettings: strict),
        .target(
            name: "ClewParsers",
            dependencies: ["ClewSnapshot", "ClewNet", "ClewBundle", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        .target(
            name: "ClewDataplane", dependencies: ["ClewSnapshot", "ClewNet", "ClewBundle"], swiftSettings: strict),
        .target(
            name: "ClewCompare",
            dependencies: ["ClewIntent", "ClewDataplane", "ClewSnapshot", "ClewNet", "ClewBundle"],
            swiftSettings: strict),
        .target(
            name: "ClewReports",
            dependencies: [
                "ClewDiagnostics", "ClewCompare", "ClewIntent", "ClewDataplane", "ClewSnapshot", "ClewNet",
                "ClewBundle",
            ],
            swiftSettings: strict),
        .target(name: "ClewIntent", dependencies: ["ClewSnapshot", "ClewNet", "ClewBundle"], swiftSettings: strict),
        .target(
            name: "ClewKubeProxy", dependencies: ["ClewIntent", "ClewSnapshot", "ClewNet"], swiftSettings: strict),
        .target(
            name: "ClewDiagnostics",
            dependencies: [
                "ClewKubeProxy", "ClewIntent", "ClewDataplane", "ClewParsers", "ClewSnapshot", "ClewNet", "ClewBundle",
            ],
            swiftSettings: strict),
        .target(
            name: "ClewChecks",
            dependencies: [
                "ClewDiagnostics", "ClewCompare", "ClewKubeProxy", "ClewIntent", "ClewDataplane", "ClewSnapshot",
                "ClewNet",
                "ClewBundle",
            ],
            swiftSettings: strict),
        .systemLibrary(name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CZstd", path: "Sources/CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "ClewCollector", dependencies: ["ClewBundle", "CZlib", "CZstd"], swiftSettings: strict),
        .target(name: "CLinux"),
        .target(
            name: "ClewLab",
            dependencies: [
                "CLinux", "ClewCollector", "ClewKubeProxy", "ClewIntent", "ClewReports", "ClewChecks",
                "ClewDiagnostics",
                "ClewDataplane", "ClewParsers", "ClewSnapshot", "ClewNet", "ClewBundle",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "clew-lab",
            dependencies: ["ClewLab", "ClewNet", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),
        .target(
            name: "ClewExchange",
            dependencies: ["ClewKubeProxy", "ClewParsers", "ClewSnapshot", "ClewNet", "ClewBundle"],
            swiftSettings: strict),
        .executableTarget(
            name: "clew",
            dependencies: [
                "ClewExchange", "ClewCollector", "ClewReports", "ClewCompare", "ClewIntent", "ClewChecks",
                "ClewDiagnostics",
                "ClewDataplane", "ClewParsers", "ClewSnapshot", "ClewNet", "ClewBundle",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "clew-bench",
            dependencies: [
                "ClewCompare", "ClewKubeProxy", "ClewIntent", "ClewParsers", "ClewDataplane", "ClewSnapshot", "ClewNet",
                "ClewBundle",
            ],
            path: "Benchmarks/clew-bench", swiftSettings: strict),
        .target(
            name: "ClewTestSupport",
            dependencies: [
                "ClewCollector", "ClewKubeProxy", "ClewIntent", "ClewParsers", "ClewDataplane", "ClewSnapshot",
                "ClewNet",
                "ClewBundle",
            ],
            path: "Tests/Support", swiftSettings: strict),
        .testTarget(name: "ClewNetTests", dependencies: ["ClewNet"], swiftSettings: strict),
        .testTarget(
            name: "ClewCollectorTests", dependencies: ["ClewCollector", "ClewBundle"], swiftSettings: strict),
        .testTarget(
            name: "ClewParsersTests",
            dependencies: ["ClewTestSupport", "ClewParsers", "ClewSnapshot", "ClewNet", "ClewBundle"],
            swiftSettings: strict),
        .testTarget(
            name: "ClewDataplaneTests",
            dependencies: [
                "ClewTestSupport", "ClewDataplane", "ClewParsers", "ClewSnapshot", "ClewNet", "ClewBundle",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ClewKubeProxyTests",
            dependencies: [
                "ClewTestSupport", "ClewKubeProxy", "ClewIntent", "ClewDataplane", "ClewParsers", "ClewSnapshot",
                "ClewNet", "ClewBundle",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ClewReportsTests",
            dependencies: ["ClewTestSupport", "ClewReports", "ClewDataplane", "ClewSnapshot", "ClewNet", "ClewBundle"],
            swiftSettings: strict),
        .testTarget(
            name: "ClewLabTests",
            dependencies: [
                "ClewTestSupport", "clew-lab", "ClewLab", "ClewReports", "ClewDataplane", "ClewParsers", "ClewSnapshot",
                "ClewNet", "ClewBundle",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ClewDiagnosticsTests",
            dependencies: [
                "ClewTestSupport", "ClewDiagnostics", "ClewDataplane", "ClewParsers", "ClewSnapshot", "ClewNet",
                "ClewBundle",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ClewCompareTests",
            dependencies: [
                "ClewTestSupport", "ClewCompare", "ClewKubeProxy", "ClewIntent", "ClewDataplane", "ClewParsers",
                "ClewSnapshot", "ClewNet", "ClewBundle",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ClewChecksTests",
            dependencies: [
                "ClewTestSupport", "ClewChecks", "ClewDiagnostics", "ClewKubeProxy", "ClewIntent", "ClewDataplane",
                "ClewParsers", "ClewSnapshot", "ClewNet", "ClewBundle",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ClewExchangeTests", dependencies: ["ClewTestSupport", "ClewExchange", "ClewBundle"],
            swiftSettings: strict),
        .testTarget(
            name: "ClewCommandTests",
            dependencies: [
                "ClewTestSupport", "clew", "clew-lab", "ClewExchange", "ClewCollector", "ClewKubeProxy", "ClewParsers",
                "ClewSnapshot", "ClewNet", "ClewBundle",
            ], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
