// swift-tools-version: 6.2
import PackageDescription

/// Every target: Swift 6 mode, no warning left standing, unsafe code marked where it stands, no existential by accident.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableExperimentalFeature("Lifetimes"),
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
    // Debug builds, which the tests run, check every access to a class's storage for overlap; in a release those checks are
    // a twentieth of a hit (`perf`: swift_beginAccess, swift_endAccess and the thread-local look-ups below them).
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]
let tests: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableExperimentalFeature("Lifetimes"),
    // A compiler process checks the declarations of its whole module, of which test macros make many: no more processes than
    // there are processors, instead of one for every 25 files.
    .unsafeFlags(["-driver-batch-size-limit", "200"], .when(configuration: .debug)),
]

func systemLibrary(_ name: String, pkgConfig: String, debian: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([debian])])
}

let package = Package(
    name: "larder",
    products: [.executable(name: "larder", targets: ["larder"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        systemLibrary("CLibevent", pkgConfig: "libevent_core", debian: "libevent-dev"),
        systemLibrary("CHiredis", pkgConfig: "hiredis", debian: "libhiredis-dev"),
        systemLibrary("CLibyaml", pkgConfig: "yaml-0.1", debian: "libyaml-dev"),
        systemLibrary("CZlib", pkgConfig: "zlib", debian: "zlib1g-dev"),
        systemLibrary("CZstd", pkgConfig: "libzstd", debian: "libzstd-dev"),
        systemLibrary("CBrotli", pkgConfig: "libbrotlienc", debian: "libbrotli-dev"),
        systemLibrary("COpenSSL", pkgConfig: "openssl", debian: "libssl-dev"),
        systemLibrary("CNghttp2", pkgConfig: "libnghttp2", debian: "libnghttp2-dev"),
        .systemLibrary(name: "CAllocator"),

        .target(name: "Bytes", swiftSettings: strict),
        .target(name: "HTTPSemantics", dependencies: ["Bytes"], swiftSettings: strict),
        .target(
            name: "Compression", dependencies: ["Bytes", "HTTPSemantics", "CZlib", "CZstd", "CBrotli"],
            swiftSettings: strict),
        .target(name: "HTTPWire", dependencies: ["Bytes", "HTTPSemantics"], swiftSettings: strict),
        .target(
            name: "HTTP2Wire", dependencies: ["Bytes", "HTTPSemantics", "HTTPWire", "EventLoop", "CNghttp2"],
            swiftSettings: strict),
        .target(name: "HTTPCaching", dependencies: ["Bytes", "HTTPSemantics"], swiftSettings: strict),
        .target(name: "EventLoop", dependencies: ["Bytes", "CLibevent"], swiftSettings: strict),
        .target(
            name: "CacheStorage", dependencies: ["Bytes", "HTTPSemantics", "HTTPCaching"],
            swiftSettings: strict),
        .target(
            name: "RedisStorage",
            dependencies: ["Bytes", "CacheStorage", "HTTPCaching", "EventLoop", "TLS", "CHiredis"],
            swiftSettings: strict),
        .target(name: "Configuration", dependencies: ["Bytes"], swiftSettings: strict),
        .target(name: "ConfigurationReader", dependencies: ["Configuration", "CLibyaml"], swiftSettings: strict),
        .target(
            name: "TLS", dependencies: ["Bytes", "EventLoop", "Configuration", "COpenSSL"], swiftSettings: strict),
        .target(
            name: "Routing", dependencies: ["Bytes", "HTTPSemantics", "HTTPWire", "Configuration"],
            swiftSettings: strict),
        .target(
            name: "Origins",
            dependencies: [
                "Bytes", "HTTPSemantics", "HTTPWire", "HTTP2Wire", "EventLoop", "Configuration", "TLS", "CNghttp2",
            ],
            swiftSettings: strict),
        .target(
            name: "Clients",
            dependencies: [
                "Bytes", "HTTPSemantics", "HTTPWire", "HTTPCaching", "EventLoop", "CacheStorage", "TLS", "HTTP2Wire",
                "CNghttp2",
            ],
            swiftSettings: strict),
        .target(
            name: "Proxy",
            dependencies: [
                "Clients", "Compression", "TLS",
                "Bytes", "HTTPSemantics", "HTTPWire", "HTTPCaching", "EventLoop", "CacheStorage", "RedisStorage",
                "Configuration", "Routing", "Origins",
            ],
            swiftSettings: strict),
        .target(
            name: "Admin",
            dependencies: [
                "Bytes", "HTTPSemantics", "Proxy", "HTTPWire", "HTTPCaching", "EventLoop", "CacheStorage", "TLS",
                "Configuration",
                "Routing", "Origins",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "larder",
            dependencies: [
                "Bytes", "HTTPSemantics", "Proxy", "Admin", "ConfigurationReader", "Configuration", "Routing",
                "EventLoop", "TLS",
                "HTTPWire", "HTTPCaching", "CacheStorage", "CAllocator",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        .target(name: "TestSupport", dependencies: ["CNghttp2"], path: "Tests/TestSupport", swiftSettings: tests),
        .target(name: "TestRandomness", path: "Tests/TestRandomness", swiftSettings: tests),
        .testTarget(name: "BytesTests", dependencies: ["Bytes"], swiftSettings: tests),
        .testTarget(
            name: "HTTPSemanticsTests", dependencies: ["HTTPSemantics", "Bytes", "TestSupport"], swiftSettings: tests),
        .testTarget(
            name: "CompressionTests", dependencies: ["Compression", "HTTPSemantics", "Bytes", "CAllocator"],
            swiftSettings: tests),
        .testTarget(
            name: "HTTPWireTests", dependencies: ["HTTPWire", "HTTPSemantics", "Bytes"], swiftSettings: tests),
        .testTarget(
            name: "HTTP2WireTests", dependencies: ["HTTP2Wire", "EventLoop", "TestSupport"], swiftSettings: tests),
        .testTarget(
            name: "HTTPCachingTests",
            dependencies: ["HTTPCaching", "HTTPSemantics", "Bytes", "TestSupport", "TestRandomness"],
            swiftSettings: tests),
        .testTarget(
            name: "TLSTests", dependencies: ["TLS", "EventLoop", "Configuration", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "EventLoopTests", dependencies: ["EventLoop"], swiftSettings: tests),
        .testTarget(
            name: "CacheStorageTests", dependencies: ["CacheStorage", "HTTPCaching", "TestRandomness"],
            swiftSettings: tests),
        .testTarget(
            name: "RedisStorageTests",
            dependencies: [
                "RedisStorage", "CacheStorage", "HTTPCaching", "EventLoop", "TestSupport", "TestRandomness",
            ],
            swiftSettings: tests),
        .testTarget(
            name: "ConfigurationTests", dependencies: ["Configuration", "ConfigurationReader", "TestRandomness"],
            swiftSettings: tests),
        .testTarget(
            name: "RoutingTests",
            dependencies: ["Routing", "HTTPWire", "HTTPSemantics", "Bytes", "Configuration", "TestRandomness"],
            swiftSettings: tests),
        .testTarget(
            name: "OriginsTests",
            dependencies: [
                "Origins", "Bytes", "HTTPSemantics", "HTTPWire", "HTTP2Wire", "EventLoop", "Configuration",
                "TestSupport",
            ],
            swiftSettings: tests),
        .testTarget(
            name: "ClientsTests",
            dependencies: [
                "Clients", "Bytes", "HTTPSemantics", "HTTPWire", "HTTPCaching", "EventLoop", "CacheStorage",
                "TestRandomness", "TestSupport",
            ],
            swiftSettings: tests),
        .testTarget(
            name: "LayeringTests", dependencies: ["Configuration", "ConfigurationReader"], exclude: ["structure"],
            swiftSettings: tests),
        // Counts heap allocations by standing in for malloc.
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .testTarget(
            name: "AdminTests",
            dependencies: ["Admin", "Proxy", "HTTPWire", "HTTPSemantics", "HTTPCaching", "TestSupport"],
            swiftSettings: tests),
        .testTarget(
            name: "ProxyTests",
            dependencies: [
                "Bytes", "HTTPSemantics", "Proxy", "TestSupport", "TestRandomness", "HTTPWire",
                "HTTPCaching",
                "EventLoop", "CacheStorage", "Configuration", "Routing", "Origins", "Clients",
            ],
            swiftSettings: tests),
        // A worker as it serves clients; in a release build it shows what a HIT allocates.
        .testTarget(
            name: "ProxyServingTests",
            dependencies: [
                "Proxy", "Admin", "TestSupport", "AllocationCounter", "EventLoop", "Configuration", "HTTPWire",
                "HTTPSemantics", "HTTPCaching", "CacheStorage", "Routing", "Origins", "Clients", "Bytes",
            ],
            swiftSettings: tests),
        .testTarget(
            name: "CommandTests",
            dependencies: ["larder", "Configuration", "Admin", "TestSupport", "ConfigurationReader"],
            swiftSettings: tests),
        // The binary is a dependency so that it is built before the tests that start it.
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["TestSupport", "TestRandomness", "larder", "Compression", "HTTPSemantics", "Bytes"],
            swiftSettings: tests),
    ]
)

// One test target by itself, for a release build of it: whatever it doesn't need stays out of the build.
if let wanted = Context.environment["LARDER_TEST_TARGET"] {
    package.targets.removeAll { $0.type == .test && $0.name != wanted }
}
