import Foundation

// A value behind a lock. Synchronization's Mutex would do as well, but parks its waiters within the standard library,
// where the thread sanitizer can't see it: each contended lock then looks like a race. NSLock is a pthread mutex, which
// it does see.

/// `Value`, reached by one thread at a time.
///
/// `@unchecked Sendable`: only `withLock` reaches the value, and holds the lock while it does.
package final class Locked<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    package init(_ value: Value) { self.value = value }

    package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
