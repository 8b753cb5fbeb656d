// Threads made with pthread, without Foundation.

import CLibevent
import Glibc

private final class ThreadStart {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

/// A thread that has been started and can be joined once.
package struct LoopThread: Sendable {
    private let handle: pthread_t

    /// Starts `body` on a new thread with signals blocked (only the process's main loop handles them).
    /// - Parameter name: system tools show at most 15 bytes.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) -> LoopThread {
        guard let thread = startIfPossible(name: name, body) else { fatalError("could not create a thread") }
        return thread
    }

    /// As ``start(name:_:)``; nil if the system has no thread left for this process.
    package static func startIfPossible(name: String, _ body: @escaping @Sendable () -> Void) -> LoopThread? {
        var handle = pthread_t()
        let start = unsafe Unmanaged.passRetained(ThreadStart(name: String(name.prefix(15)), body: body))
        var all = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        let result = unsafe pthread_create(
            &handle, nil,
            { context in
                let start = unsafe Unmanaged<ThreadStart>.fromOpaque(context!).takeRetainedValue()
                unsafe larder_name_thread(pthread_self(), start.name)
                start.body()
                return nil
            }, start.toOpaque())
        unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
        guard result == 0 else {
            unsafe start.release()
            return nil
        }
        return LoopThread(handle: handle)
    }

    /// Don't join the thread: the system frees its resources when it ends.
    package func detach() { pthread_detach(handle) }

    package func join() { pthread_join(handle, nil) }
}
