// A timer with its own action, for everything that isn't a socket's deadline.

import CLibevent
import Glibc

/// Runs an action on the loop's thread after an interval, once or repeatedly. Cancelled when released.
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
                // Retained during its own action, which may release the last other reference.
                let timer = unsafe Unmanaged<LoopTimer>.fromOpaque(context!).takeUnretainedValue()
                timer.loop.refreshClock()
                timer.action()
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { if let timer = unsafe timer { unsafe event_free(timer) } }

    /// Runs the action once after `interval` milliseconds; replaces any earlier schedule.
    package func schedule(afterMilliseconds interval: Int64) {
        var time = timeval(tv_sec: Int(interval / 1000), tv_usec: Int(interval % 1000) * 1000)
        if let timer = unsafe timer { unsafe event_add(timer, &time) }
    }

    package func cancel() { if let timer = unsafe timer { unsafe event_del(timer) } }
}

/// Runs an action on the loop's thread whenever a signal arrives. Only one loop of the process may handle signals.
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
