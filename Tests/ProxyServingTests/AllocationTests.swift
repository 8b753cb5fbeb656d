// What a HIT from memory costs in heap allocations, by kind of HIT. The release build is the one that counts; `.ci/run`
// runs this suite in one.

import AllocationCounter
import Configuration
import Foundation
import TestSupport
import Testing

@testable import Proxy

extension ServingTests {
    @Suite("The memory HIT allocates nothing")
    struct AllocationTests {
        /// A kind of HIT, and how many allocations each may cost: none.
        struct Kind: CustomTestStringConvertible, Sendable {
            let name: String
            /// What it may cost in a release build.
            let release: Int
            /// What it may cost without the optimiser, which makes the literals of option sets and a few arrays on the heap.
            let debug: Int
            /// Fields of the stored response.
            var stored: [String] = []
            /// Fields of the request.
            var request: [String] = []
            var status = 200
            var size = 1_024
            var access = LogSettings.Access.off
            /// Addresses of trusted proxies.
            var trusted: [String] = []
            /// The path that the origin is asked for.
            var rewrite: String?
            /// Whether something else was purged by a tag before, so that what was invalidated has to be looked up.
            var followsPurge = false
            /// Whether some other group was invalidated before, in the same way.
            var followsInvalidation = false
            /// Whether the route compresses; then the size is of the content without its coding.
            var isCompressed = false
            /// Whether the response varies by nothing that the request changes.
            var sharesVariant = false
            /// What is different about the route.
            var change: @Sendable (inout Route) throws -> Void = { _ in }

            func changeRoute(_ route: inout Route) throws {
                if let rewrite { route.forwarding = .rewrite(try PathTemplate(parsing: rewrite)) }
                if isCompressed { route.compression = CompressionSettings() }
                try change(&route)
            }

            var testDescription: String { name }

            var bound: Int {
                #if DEBUG
                    debug
                #else
                    release
                #endif
            }

            static let all = [
                Kind(name: "plain, empty", release: 0, debug: 6, size: 0),
                Kind(name: "plain, 1 KiB", release: 0, debug: 6),
                Kind(name: "plain, 64 KiB", release: 0, debug: 6, size: 65_536),
                Kind(name: "asked for by another path", release: 0, debug: 10, rewrite: "/{rest}"),
                Kind(
                    name: "304", release: 0, debug: 10, stored: ["ETag: \"a\""], request: ["If-None-Match: \"a\""],
                    status: 304, size: 0),
                Kind(name: "range", release: 0, debug: 15, request: ["Range: bytes=10-19"], status: 206, size: 10),
                Kind(
                    name: "Vary", release: 0, debug: 17, stored: ["Vary: Accept-Language, Accept-Encoding"],
                    request: ["Accept-Language: de, en;q=0.5", "Accept-Encoding: gzip"]),
                Kind(
                    name: "compressed", release: 0, debug: 12, stored: ["Content-Type: application/json"],
                    request: ["Accept-Encoding: gzip, deflate, br, zstd"], size: 8_192, isCompressed: true),
                Kind(
                    name: "with credentials", release: 0, debug: 20,
                    request: ["Cookie: a=b", "Authorization: Bearer x", "X-Api-Key: y"]),
                Kind(
                    name: "with directives that are ignored", release: 0, debug: 20,
                    request: ["Cache-Control: no-cache", "Pragma: no-cache"]),
                Kind(
                    name: "tagged, after a purge", release: 0, debug: 14, stored: ["Cache-Tag: one, two, three"],
                    followsPurge: true),
                Kind(
                    name: "grouped", release: 0, debug: 14, stored: ["Cache-Groups: \"one\", \"two\""],
                    followsInvalidation: true),
                Kind(name: "logged, common", release: 0, debug: 20, access: .common),
                Kind(name: "logged, combined", release: 0, debug: 20, access: .combined),
                Kind(name: "logged, JSON", release: 0, debug: 19, access: .json),
                Kind(
                    name: "with Via, not logged", release: 0, debug: 12,
                    request: ["Via: 1.1 a, 1.1 b (c)", "X-Forwarded-For: 192.0.2.1", "X-Request-Id: a"]),
                Kind(
                    name: "logged, JSON, behind trusted proxies", release: 0, debug: 24,
                    request: ["X-Forwarded-For: 2001:db8::1, 10.0.0.1", "X-Request-Id: a"], access: .json,
                    trusted: ["127.0.0.0/8", "10.0.0.0/8"]),
                Kind(
                    name: "logged, combined, Forwarded", release: 0, debug: 16,
                    request: ["Forwarded: for=\"[2001:db8::1]:4711\", for=10.0.0.1"], access: .combined,
                    trusted: ["127.0.0.0/8", "10.0.0.0/8"]),
                Kind(
                    name: "five changes of the response", release: 0, debug: 40,
                    stored: ["Server: a", "X-Powered-By: b"], change: fiveChanges),
                Kind(
                    name: "changes with values of the request's, 304", release: 0, debug: 40,
                    stored: ["ETag: \"a\"", "Expires: 0", "Server: a"], request: ["If-None-Match: \"a\""], status: 304,
                    size: 0
                ) { route in
                    try fiveChanges(&route)
                    route.response.add = [
                        try line("X-For", "{client_ip}"), try line("X-Id", "{request_id}"),
                        try line("X-Where", "{host}{path.rest}"),
                    ]
                    route.cacheControl = try CacheControlValue(parsing: "public, max-age=60")
                },
                Kind(
                    name: "Vary on fields that the route writes", release: 0, debug: 60,
                    stored: ["Vary: X-For, X-Forwarded-For, X-Request"], request: ["X-For: somebody"],
                    sharesVariant: true
                ) { route in
                    route.request.set = [try line("X-For", "{client_ip}"), try line("X-Request", "{route}")]
                },
                Kind(
                    name: "conditions of bypass", release: 0, debug: 40,
                    request: ["Cookie: a=b; c=d", "X-A: b"]
                ) { route in
                    route.cache?.cookies = .ignore
                    route.cache?.bypass = try ["cookie.session", "cookie.x_*=1", "header.x-b", "query.c"].map {
                        try BypassCondition(parsing: $0)
                    }
                },
            ]

            private static func line(_ name: String, _ value: String) throws -> FieldChanges.Line {
                FieldChanges.Line(
                    name: name, value: try FieldValue(parsing: value, path: .everything), isSecret: false)
            }

            private static let fiveChanges: @Sendable (inout Route) throws -> Void = { route in
                route.response.set = [try line("X-Frame-Options", "DENY"), try line("X-Powered-By", "c")]
                route.response.add = [try line("Link", "</a>; rel=preload")]
                route.response.remove = ["Server", "X-Debug"]
            }
        }

        private static let requests = 2_000

        #if DEBUG
            /// For what a timer of the worker's needs once a second passes, and the log's buffers.
            private static let tolerated = 200
        #else
            /// For what a timer of the worker's needs once a second passes, and the log's buffers: two or three for each 32 KiB of
            /// lines, which in JSON have some 250 bytes.
            private static let tolerated = 60
        #endif

        @Test(
            "Two thousand HITs over one connection cost no more heap allocations than their kind may",
            .enabled(if: larder_allocations_are_countable() == 1, "a sanitizer has a malloc of its own"),
            arguments: Kind.all)
        func memoryHit(kind: Kind) throws {
            try #require(larder_allocations_counts_this_thread() == 1, "malloc does not go through the counter")
            try ServingStage.run(access: kind.access, trusted: kind.trusted, change: kind.changeRoute) { stage throws in
                let body = String(repeating: "x", count: kind.status == 200 ? kind.size : 1_024)
                let path = stage.origin.script(200, ["Cache-Control: max-age=600"] + kind.stored, body: body)
                if kind.followsPurge {
                    #expect(try stage.admin("POST", "/purge", body: #"{"tags":["other"]}"#).status == 200)
                }
                let client = try RawClient(.port(stage.port))
                defer { client.close() }
                if kind.followsInvalidation {
                    let other = stage.origin.script(200, ["Cache-Group-Invalidation: \"other\""])
                    #expect(try client.request("POST", other, body: []).status == 200)
                }
                #expect(try client.request("GET", path)["X-Cache"] == "MISS")
                if !kind.sharesVariant, !kind.stored.allSatisfy({ !$0.hasPrefix("Vary") }) {
                    #expect(try client.request("GET", path, kind.request)["X-Cache"] == "MISS")
                }
                for _ in 0..<50 { #expect(try client.request("GET", path, kind.request)["X-Cache"] == "HIT") }
                if let limit = ProcessInfo.processInfo.environment["LARDER_TRACE_ALLOCATIONS"].flatMap({ Int32($0) }) {
                    larder_allocations_trace(limit)
                }
                larder_allocations_begin()
                for _ in 0..<Self.requests {
                    let response = try client.request("GET", path, kind.request)
                    guard response["X-Cache"] == "HIT", response.status == kind.status,
                        kind.isCompressed
                            ? response["Content-Encoding"] == "zstd" : response.body.count == kind.size
                    else {
                        Issue.record("not the HIT that was meant: \(response.head.startLine)")
                        break
                    }
                }
                let count = Int(larder_allocations_end())
                let each = String(format: "%.2f", Double(count) / Double(Self.requests))
                print("Allocations of a HIT, \(kind.name): \(each), at most \(kind.bound)")
                #expect(count <= kind.bound * Self.requests + Self.tolerated, "\(each) allocations a request")
            }
        }
    }
}
