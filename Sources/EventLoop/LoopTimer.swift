// A timer with its own action, for the few things that aren't a socket's deadline.

import CLibevent
import Glibc

/// Runs an action on the loop's thread after a time, once or again and again. Cancelled when it is released.
@safe
package final class LoopTimer {
    private let loop: EventLoop
    private let action: () -> Void
    private var timer: UnsafeMutablePointer<event>?

    package init(loop: EventLoop, action: @escaping () -> Void) {
        self.loop = loop
        self.action = action
        unsafe timer = nil
        unsafe timer = event_new(
            loop.base, -1, 0,
            { _, _, context in
                // Kept alive over its own action, which may drop the last other reference.
                let timer = unsafe Unmanaged<LoopTimer>.fromOpaque(context!).takeUnretainedValue()
                timer.loop.refreshClock()
                timer.action()
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { if let timer = unsafe timer { unsafe event_free(timer) } }

    /// Runs the action once, so many milliseconds from now; an earlier schedule is replaced.
    package func schedule(afterMilliseconds interval: Int64) {
        var time = timeval(tv_sec: Int(interval / 1000), tv_usec: Int(interval % 1000) * 1000)
        if let timer = unsafe timer { unsafe event_add(timer, &time) }
    }

    package func cancel() { if let timer = unsafe timer { unsafe event_del(timer) } }
}

/// Runs an action on the loop's thread for every arrival of a signal. Signals live on one loop of the process alone.
@safe
package final class SignalWatch {
    private let action: () -> Void
    private var watch: UnsafeMutablePointer<event>?

    package init(loop: EventLoop, signal: Int32, action: @escaping () -> Void) {
        self.action = action
        unsafe watch = nil
        unsafe watch = event_new(
            loop.base, signal, Int16(EV_SIGNAL | EV_PERSIST),
            { _, _, context in
                unsafe Unmanaged<SignalWatch>.fromOpaque(context!).takeUnretainedValue().action()
            }, Unmanaged.passUnretained(self).toOpaque())
        unsafe event_add(watch, nil)
    }

    deinit { if let watch = unsafe watch { unsafe event_free(watch) } }
}
