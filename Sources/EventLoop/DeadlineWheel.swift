// Deadlines of sockets, coarse and cheap: a hashed wheel of 50 ms slots with intrusive lists. Moving a deadline later
// is one store: when the old slot comes round, the socket is moved to the right one. So a keep-alive connection that is
// used a thousand times a second touches the wheel once per idle time-out.

import CLibevent
import Glibc

/// All deadlines of one loop's sockets. A socket is notified within one slot (50 ms) after its deadline.
@safe
final class DeadlineWheel {
    static let slotMilliseconds: Int64 = 50
    static let slotCount = 2048

    /// Heads of the slots' lists. Unretained: the loop owns every open socket, and a socket leaves the wheel on close.
    private var slots: [Unmanaged<Socket>?]
    private var enlisted = 0
    private var tick: Int64
    private var timer: UnsafeMutablePointer<event>?
    private unowned(unsafe) var loop: EventLoop?

    init(start: MonotonicTime) {
        unsafe slots = Array(repeating: nil, count: Self.slotCount)
        tick = start.milliseconds / Self.slotMilliseconds
        unsafe timer = nil
        unsafe loop = nil
    }

    func attach(to base: OpaquePointer, loop: EventLoop) {
        unsafe self.loop = loop
        unsafe timer = event_new(
            base, -1, 0,
            { _, _, context in
                unsafe Unmanaged<DeadlineWheel>.fromOpaque(context!).takeUnretainedValue().turn()
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    func detach() {
        if let timer = unsafe timer { unsafe event_free(timer) }
        unsafe timer = nil
    }

    /// Puts the socket into the slot of its deadline. Called when it is in no slot, or in a later one.
    func enlist(_ socket: Socket) {
        if socket.wheelSlot >= 0 { withdraw(socket) }
        let due = max(socket.deadline.milliseconds / Self.slotMilliseconds + 1, tick + 1)
        let capped = min(due, tick + Int64(Self.slotCount) - 1)
        let slot = Int(capped % Int64(Self.slotCount))
        socket.wheelTick = capped
        socket.wheelSlot = Int32(slot)
        let reference = unsafe Unmanaged.passUnretained(socket)
        unsafe socket.wheelPrevious = nil
        unsafe socket.wheelNext = slots[slot]
        if let next = unsafe slots[slot] {
            unsafe next._withUnsafeGuaranteedRef { unsafe $0.wheelPrevious = reference }
        }
        unsafe slots[slot] = reference
        enlisted += 1
        if enlisted == 1 || capped < scheduledTick { schedule(for: capped) }
    }

    func withdraw(_ socket: Socket) {
        let next = unsafe socket.wheelNext
        let previous = unsafe socket.wheelPrevious
        if let previous = unsafe previous {
            unsafe previous._withUnsafeGuaranteedRef { unsafe $0.wheelNext = next }
        } else {
            unsafe slots[Int(socket.wheelSlot)] = next
        }
        if let next = unsafe next { unsafe next._withUnsafeGuaranteedRef { unsafe $0.wheelPrevious = previous } }
        unsafe socket.wheelNext = nil
        unsafe socket.wheelPrevious = nil
        socket.wheelSlot = -1
        enlisted -= 1
    }

    private var scheduledTick: Int64 = 0

    private func schedule(for dueTick: Int64) {
        scheduledTick = dueTick
        let wait = max(1, dueTick * Self.slotMilliseconds - MonotonicTime.now().milliseconds)
        var interval = timeval(tv_sec: Int(wait / 1000), tv_usec: Int(wait % 1000) * 1000)
        if let timer = unsafe timer { unsafe event_add(timer, &interval) }
    }

    /// The timer's callback: empties every slot up to now. Sockets past their deadline are notified, the others are
    /// moved to a later slot.
    private func turn() {
        guard let loop = unsafe loop else { return }
        loop.refreshClock()
        let current = loop.now.milliseconds / Self.slotMilliseconds
        // After a long stall, one pass over all slots is enough.
        if current - tick > Int64(Self.slotCount) { tick = current - Int64(Self.slotCount) }
        while tick < current {
            tick += 1
            let slot = Int(tick % Int64(Self.slotCount))
            while let first = unsafe slots[slot] {
                let socket = unsafe first.takeUnretainedValue()
                withdraw(socket)
                guard socket.hasDeadline else { continue }
                if socket.deadline <= loop.now {
                    socket.hasDeadline = false
                    socket.deadlinePassed()
                } else {
                    enlist(socket)
                    if Int(socket.wheelSlot) == slot { break }
                }
            }
        }
        guard enlisted > 0 else { return }
        var next = tick + 1
        while unsafe slots[Int(next % Int64(Self.slotCount))] == nil { next += 1 }
        schedule(for: next)
    }
}
