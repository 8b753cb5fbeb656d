// A value behind a lock, for data that several threads share. Synchronization's Mutex would do as well, but it parks
// waiters inside the standard library, where the thread sanitizer can't see it: every contended lock is then reported
// as a race. A pthread mutex costs the same and is visible to it.

import Glibc

/// A value that one thread at a time can use.
///
/// `@unchecked Sendable`: the value lives in memory that only `withLock` reaches, and `withLock` holds the mutex while
/// it does; both are freed in `deinit`, when no borrow of the lock is left. The value never leaves, since `body` is
/// given it `inout` for the call alone.
@safe
@usableFromInline
package struct Locked<Value: Sendable>: ~Copyable, @unchecked Sendable {
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline let value: UnsafeMutablePointer<Value>

    package init(_ value: Value) {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(mutex, nil)
        unsafe self.value = .allocate(capacity: 1)
        unsafe self.value.initialize(to: value)
    }

    deinit {
        unsafe value.deinitialize(count: 1)
        unsafe value.deallocate()
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    @inlinable @inline(__always)
    package borrowing func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return unsafe body(&value.pointee)
    }
}
