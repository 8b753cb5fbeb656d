import Glibc
import Synchronization
import Testing

@testable import EventLoop

// Several names at once, with look-ups that take as long as the test wants.

/// A look-up that ends when the test says so.
private final class SlowNames: Sendable {
    private let gate = Atomic<Bool>(false)
    let begun = Count()

    func open() { gate.store(true, ordering: .sequentiallyConsistent) }

    func lookUp(_ host: String, _ port: UInt16) -> Resolution {
        begun.add()
        if host.hasPrefix("slow") {
            while !gate.load(ordering: .sequentiallyConsistent) { usleep(1000) }
        }
        guard !host.hasSuffix(".invalid") else { return .failed("no such name") }
        return .addresses((0..<port).map { SocketAddress(numericHost: "192.0.2.\($0 % 250)", port: $0)! })
    }
}

/// Counts on any thread.
private final class Count: Sendable {
    private let number = Atomic<Int>(0)
    func add() { number.wrappingAdd(1, ordering: .sequentiallyConsistent) }
    var value: Int { number.load(ordering: .sequentiallyConsistent) }
}

private func wait(until condition: () -> Bool) -> Bool {
    for _ in 0..<20_000 {
        if condition() { return true }
        usleep(1000)
    }
    return false
}

@Suite("Names are resolved several at once")
struct ResolverTests {
    @Test("A slow name, or twenty of them, delay no other")
    func severalAtOnce() async {
        let names = SlowNames()
        let resolver = Resolver(lookUp: names.lookUp)
        let slow = Count()
        for number in 0..<20 {
            resolver.resolve(host: "slow-\(number)", port: 1) { _ in slow.add() }
        }
        let quick = await withCheckedContinuation { continuation in
            resolver.resolve(host: "quick", port: 1) { continuation.resume(returning: $0) }
        }
        guard case .addresses = quick else { return names.open() }
        #expect(slow.value == 0)
        #expect(wait { resolver.figures.inFlight == 20 })
        names.open()
        #expect(wait { slow.value == 20 && resolver.figures.inFlight == 0 })
        #expect(resolver.figures.lookUps == 21 && resolver.figures.failures == 0)
    }

    @Test("A name that is being resolved isn't looked up a second time, and all who ask get the result")
    func shared() {
        let names = SlowNames()
        let resolver = Resolver(lookUp: names.lookUp)
        let told = Count()
        for _ in 0..<5 { resolver.resolve(host: "slow", port: 1) { _ in told.add() } }
        #expect(wait { names.begun.value == 1 })
        names.open()
        #expect(wait { told.value == 5 })
        #expect(names.begun.value == 1)
    }

    @Test("Names in flight are bounded: one more fails at once and is counted")
    func bound() async {
        let names = SlowNames()
        let resolver = Resolver(lookUp: names.lookUp)
        let ended = Count()
        for number in 0..<1024 {
            resolver.resolve(host: "slow-\(number)", port: 1) { _ in ended.add() }
        }
        let refused = await withCheckedContinuation { continuation in
            resolver.resolve(host: "one-more", port: 1) { continuation.resume(returning: $0) }
        }
        if case .addresses = refused { Issue.record("the bound does not hold") }
        #expect(resolver.figures.refusals == 1 && resolver.figures.inFlight == 1024)
        // No more threads than the bound allows.
        #expect(names.begun.value <= 32)
        names.open()
        #expect(wait { ended.value == 1024 })
    }

    @Test("A failure is counted, and so are addresses beyond the 64th of a name")
    func counters() async {
        let resolver = Resolver(lookUp: SlowNames().lookUp)
        _ = await withCheckedContinuation { continuation in
            resolver.resolve(host: "gone.invalid", port: 1) { continuation.resume(returning: $0) }
        }
        let many = await withCheckedContinuation { continuation in
            resolver.resolve(host: "many", port: 70) { continuation.resume(returning: $0) }
        }
        guard case .addresses(let addresses) = many else {
            Issue.record("the name has addresses")
            return
        }
        #expect(addresses.count == 64)
        let figures = resolver.figures
        #expect(figures.lookUps == 2 && figures.failures == 1 && figures.ignoredAddresses == 6)
    }
}
