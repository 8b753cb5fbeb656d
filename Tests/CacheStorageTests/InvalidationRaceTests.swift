import Foundation
import HTTPCaching
import TestRandomness
import Testing

@testable import CacheStorage

// Invalidations on one thread, fetches on others: once an invalidation is back, nothing from before it is found, and
// nothing is found later either.

/// A resource that changes: its version is in the body.
private final class Resource: @unchecked Sendable {
    private let lock = NSLock()
    private var value = 0

    var version: Int {
        lock.lock()
        defer { lock.unlock() }
        return value
    }

    func change() -> Int {
        lock.lock()
        defer { lock.unlock() }
        value += 1
        return value
    }
}

@Suite("RFC 9111 §4.4: invalidations and fetches on several threads")
struct InvalidationRaceTests {
    private static let now = WallTime(milliseconds: 1_800_000_000_000)
    private static let key = CacheKey(high: 1, low: 2)
    private static let variant = CacheKey(high: 3, low: 4)

    private static func record(_ version: Int) -> StoredResponse {
        var facts = ordinaryFacts()
        facts.requestTime = Instant(milliseconds: now.milliseconds)
        let description = RecordDescription(
            id: UInt64(version), status: 200, discardAt: now.advanced(byMilliseconds: 60_000), facts: facts)
        return StoredResponse.response(
            description, keyText: "key".utf8.span, varyNames: Span(), head: "HTTP/1.1 200 OK\r\n".utf8.span,
            body: "\(version)".utf8.span)!
    }

    @Test(
        "After an invalidation no record of a fetch that began before is found, whatever the threads' order",
        arguments: [(1, false), (2, false), (3, true), (4, true)])
    func noOldRecord(seed: Int, isVariant: Bool) {
        let shared = SharedStores(memoryBytes: 1 << 20)
        let resource = Resource()
        let key = isVariant ? Self.variant : Self.key
        let rounds = 20_000
        nonisolated(unsafe) var old = 0
        nonisolated(unsafe) var found = 0
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            let cache = Cache(shared, objectLimit: 1 << 20)
            cache.open(usesMemory: true, copyLifetime: 0) { nil }
            var random = SeededGenerator(seed: UInt64(seed * 8 + thread))
            for _ in 0..<rounds {
                if thread == 0 {
                    // It changes, and is invalidated; from here on nobody may find what was before.
                    let version = resource.change()
                    cache.invalidate(isVariant ? [Self.key, key] : [key], at: Self.now)
                    let hit = cache.lookUpInMemory(key, keyText: "key".utf8.span, now: Self.now)
                    if let hit {
                        found += 1
                        if hit.id < UInt64(version) { old += 1 }
                    }
                } else {
                    let began = cache.moment
                    let version = resource.version
                    for _ in 0..<random.next() % 64 { _ = random.next() }
                    cache.put(key, Self.record(version), of: Self.key, since: began, now: Self.now)
                }
            }
        }
        #expect(old == 0, "\(old) of \(found) were old")
        // What is left is as new as the last change.
        let cache = Cache(shared, objectLimit: 1 << 20)
        cache.open(usesMemory: true, copyLifetime: 0) { nil }
        let last = cache.lookUpInMemory(key, keyText: "key".utf8.span, now: Self.now)
        #expect(last == nil || last?.id == UInt64(resource.version))
    }
}
