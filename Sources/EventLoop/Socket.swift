// A descriptor on a loop: the events it waits for, its deadline, and its reads and writes. It doesn't interpret bytes; where
// they are encrypted, a `SecureChannel` stands between it and the descriptor.

import CLibevent
import Glibc

/// The result of a read.
public enum ReceiveResult: Equatable {
    /// This many new bytes are in the loop's input buffer, after the given offset.
    case bytes(Int)
    /// No data yet; `readable` is called again when there is.
    case wouldBlock
    /// End of stream: the peer sends no more.
    case ended
    /// The connection failed; the value is `errno`.
    case failed(Int32)
}

/// The result of a write.
public enum SendResult: Equatable {
    /// This many bytes were written. Fewer than offered means that the socket's buffer is full.
    case wrote(Int)
    /// The connection failed; the value is `errno`.
    case failed(Int32)
}

/// One open socket on one loop. Subclasses override the callbacks. The loop holds a reference from `init` until the
/// turn after ``close()``. Every member is used on the loop's thread.
@safe
open class Socket {
    public enum Interest: UInt8, Sendable { case none, read, write, readAndWrite }

    package let loop: EventLoop
    /// The descriptor, or -1 once closed.
    package private(set) var descriptor: Int32
    private let registration: UnsafeMutablePointer<event>
    package private(set) var interest: Interest = .none
    /// The events that libevent watches for: more than `interest` says while the channel has something to send.
    private final var watched: Int16 = 0
    /// What encrypts the bytes; nil where they go as they are.
    package private(set) final var channel: SecureChannel?
    /// The sending side is to be closed as soon as the channel has sent everything.
    private final var shutsDownOnceSent = false
    /// The turn in which it was last woken to read, or told what to wait for.
    private final var changed: UInt64 = 0

    // The wheel's own bookkeeping.
    final var wheelSlot: Int32 = -1
    package internal(set) final var hasDeadline = false
    final var wheelTick: Int64 = 0
    package internal(set) final var deadline = MonotonicTime(milliseconds: 0)
    final var wheelNext: Unmanaged<Socket>?
    final var wheelPrevious: Unmanaged<Socket>?

    /// Takes ownership of a non-blocking descriptor. No event is reported until ``wait(for:)``.
    public init(loop: EventLoop, descriptor: Int32) {
        self.loop = loop
        self.descriptor = descriptor
        unsafe registration = .allocate(capacity: 1)
        unsafe registration.initialize(to: event())
        unsafe wheelNext = nil
        unsafe wheelPrevious = nil
        loop.socketOpened()
        _ = unsafe Unmanaged.passRetained(self)
    }

    deinit {
        precondition(wheelSlot < 0, "a socket leaves the wheel of deadlines when it is closed")
        unsafe registration.deallocate()
    }

    package final var isOpen: Bool { descriptor >= 0 }

    /// Data has arrived, or the peer has closed the connection.
    open func readable() {}
    /// The socket can be written to, or a connection attempt has ended.
    open func writable() {}
    /// The deadline set by ``setDeadline(_:)`` has passed. It is cleared before the call.
    open func deadlinePassed() {}

    // MARK: Waiting

    /// Changes the events that this socket is notified of. Costs nothing if nothing changes.
    package final func wait(for wanted: Interest) {
        guard wanted != interest, isOpen else { return }
        interest = wanted
        changed = loop.turn
        watch()
    }

    /// Has libevent watch for what is waited for, and for room where the channel has something to send.
    private final func watch() {
        if watched != 0 { unsafe event_del(registration) }
        watched =
            switch interest {
            case .none: 0
            case .read: Int16(EV_READ)
            case .write: Int16(EV_WRITE)
            case .readAndWrite: Int16(EV_READ | EV_WRITE)
            }
        if let channel, channel.hasUnsent { watched |= Int16(EV_WRITE) }
        guard watched != 0 else { return }
        unsafe event_assign(
            registration, loop.base, descriptor, watched | Int16(EV_PERSIST),
            { _, what, context in
                unsafe Unmanaged<Socket>.fromOpaque(context!)._withUnsafeGuaranteedRef { $0.wake(what) }
            }, Unmanaged.passUnretained(self).toOpaque())
        unsafe event_add(registration, nil)
        if let channel, channel.hasPending { announcePending() }
    }

    private final func wake(_ what: Int16) {
        loop.refreshClock()
        if what & Int16(EV_WRITE) != 0 {
            if let channel { becomeWritable(channel) } else { writable() }
        }
        if what & Int16(EV_READ) != 0, isOpen, reads {
            changed = loop.turn
            readable()
        }
    }

    private final var reads: Bool { interest == .read || interest == .readAndWrite }

    /// Whether this turn's poll is known to have found nothing to read, neither bytes nor their end. Costs no system call.
    /// False where that can't be told: it wasn't waited for then, it has been read in this turn, or the poll was cut short.
    package final var wasSilentWhenPolled: Bool {
        guard interest == .read, changed < loop.turn, loop.wasPolledWhole else { return false }
        let state = unsafe Int32(registration.pointee.ev_evcallback.evcb_flags)
        return state & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER) == 0
    }

    /// `deadlinePassed()` is called once, within 50 ms after `time`, unless the deadline is moved or cleared before. Nothing
    /// happens where the socket is closed: the wheel holds no reference, and would find one that is gone.
    package final func setDeadline(_ time: MonotonicTime) {
        guard isOpen else { return }
        deadline = time
        hasDeadline = true
        if wheelSlot < 0 || time.milliseconds / DeadlineWheel.slotMilliseconds + 1 < wheelTick {
            loop.deadlines.enlist(self)
        }
    }

    /// As ``setDeadline(_:)``, `interval` milliseconds from now.
    package final func setDeadline(afterMilliseconds interval: Int64) {
        setDeadline(loop.now.advanced(byMilliseconds: interval))
    }

    package final func clearDeadline() { hasDeadline = false }

    // MARK: Bytes

    /// Reads once into the loop's input buffer, after `offset` bytes that are already there.
    package final func receive(after offset: Int = 0) -> ReceiveResult {
        receive(after: offset, atMost: loop.input.capacity)
    }

    /// As ``receive(after:)``, but no more than `limit` bytes.
    package final func receive(after offset: Int, atMost limit: Int) -> ReceiveResult {
        guard isOpen else { return .failed(EBADF) }
        let room = unsafe loop.input.free(from: offset)
        if let channel {
            let result = unsafe channel.receive(
                on: descriptor, into: UnsafeMutableRawBufferPointer(rebasing: room[..<min(room.count, limit)]))
            noteChannel(channel)
            return result
        }
        while true {
            let count = unsafe recv(descriptor, room.baseAddress, min(room.count, limit), 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .ended }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .failed(errno)
            }
        }
    }

    /// What a read would come to; takes nothing from the socket, and leaves the input buffer alone.
    package final func peek() -> ReceiveResult {
        guard isOpen else { return .failed(EBADF) }
        if let channel {
            let result = channel.peek(on: descriptor)
            noteChannel(channel)
            return result
        }
        var byte: UInt8 = 0
        while true {
            let count = unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK))
            if count >= 0 { return count == 0 ? .ended : .bytes(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .failed(errno)
            }
        }
    }

    /// Writes up to three pieces in order with one system call. Never blocks; the caller keeps what wasn't written.
    package final func send(
        _ first: Span<UInt8>, _ second: Span<UInt8> = Span(), _ third: Span<UInt8> = Span()
    ) -> SendResult {
        guard isOpen else { return .failed(EBADF) }
        return unsafe first.withUnsafeBytes { first in
            unsafe second.withUnsafeBytes { second in
                unsafe third.withUnsafeBytes { third in
                    if let channel { return unsafe encrypt(on: channel, first, second, third) }
                    return unsafe transmit(first, second, third)
                }
            }
        }
    }

    private final func transmit(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer
    ) -> SendResult {
        while true {
            let count: Int
            if second.count + third.count == 0 {
                count = unsafe Glibc.send(descriptor, first.baseAddress, first.count, Int32(MSG_NOSIGNAL))
            } else {
                // Empty pieces are allowed. The process ignores SIGPIPE.
                var pieces = unsafe (
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count),
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: third.baseAddress), iov_len: third.count)
                )
                count = unsafe withUnsafeBytes(of: &pieces) { list in
                    unsafe writev(descriptor, list.baseAddress!.assumingMemoryBound(to: iovec.self), 3)
                }
            }
            if count >= 0 { return .wrote(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS: return .wrote(0)
            default: return .failed(errno)
            }
        }
    }

    /// Half-closes the connection: no more can be sent, reading continues.
    package final func shutDownSending() {
        guard isOpen else { return }
        if let channel {
            channel.end(on: descriptor)
            shutsDownOnceSent = channel.hasUnsent
            noteChannel(channel)
            if shutsDownOnceSent { return }
        }
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Closes at once. No callback follows; the loop releases its reference at the end of the turn.
    package final func close() {
        guard isOpen else { return }
        channel?.end(on: descriptor)
        closeWithoutEnd()
    }

    private final func closeWithoutEnd() {
        let closing = descriptor
        leaveLoop()
        _ = Glibc.close(closing)
    }

    /// Closes with a reset instead of a clean end of stream, so that the peer can't mistake a truncated body for a
    /// complete one.
    package final func reset() {
        guard isOpen else { return }
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        closeWithoutEnd()
    }

    /// Leaves the loop and keeps the descriptor open, which is the caller's from now on. No callback follows.
    package final func handOver() -> Int32 {
        let kept = descriptor
        leaveLoop()
        return kept
    }

    private final func leaveLoop() {
        guard isOpen else { return }
        channel = nil
        shutsDownOnceSent = false
        wait(for: .none)
        if watched != 0 { watch() }
        hasDeadline = false
        if wheelSlot >= 0 { loop.deadlines.withdraw(self) }
        descriptor = -1
        unsafe loop.socketClosed(Unmanaged.passUnretained(self))
    }

    // MARK: Encryption

    /// From now on every byte goes through the channel; nil: as it is.
    package final func secure(by channel: SecureChannel?) {
        self.channel = channel
        if isOpen { watch() }
    }

    /// Goes on with the channel's handshake. To be called whenever the socket is readable, until it comes to something.
    package final func handshake() -> HandshakeResult {
        guard isOpen, let channel else { return .failed(HandshakeFault(.broken, "the connection is closed")) }
        let result = channel.handshake(on: descriptor)
        noteChannel(channel)
        return result
    }

    private final func encrypt(
        on channel: SecureChannel, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer,
        _ third: UnsafeRawBufferPointer
    ) -> SendResult {
        let result = unsafe channel.send(on: descriptor, first, second, third)
        noteChannel(channel)
        return result
    }

    /// What the channel has left over changes what is waited for: no event comes for bytes that it has read already, and what the
    /// socket didn't take goes out before anything else.
    private final func noteChannel(_ channel: SecureChannel) {
        let sends = channel.hasUnsent || interest == .write || interest == .readAndWrite
        if isOpen, sends != (watched & Int16(EV_WRITE) != 0) { return watch() }
        if channel.hasPending { announcePending() }
    }

    /// `readable` is called though the descriptor has nothing to read.
    private final func announcePending() {
        if isOpen, reads { unsafe event_active(registration, Int32(EV_READ), 0) }
    }

    private final func becomeWritable(_ channel: SecureChannel) {
        if channel.hasUnsent {
            channel.flush(on: descriptor)
            if shutsDownOnceSent, !channel.hasUnsent {
                shutsDownOnceSent = false
                _ = shutdown(descriptor, Int32(SHUT_WR))
            }
            noteChannel(channel)
        }
        if interest == .write || interest == .readAndWrite { writable() }
    }

    /// Whether the connection is broken, or closed in both directions, as far as the system knows by now. For a socket that waits
    /// for no event; it reads nothing.
    package final var isPeerGone: Bool {
        guard isOpen else { return true }
        var entry = pollfd(fd: descriptor, events: 0, revents: 0)
        guard unsafe poll(&entry, 1, 0) > 0 else { return false }
        return Int32(entry.revents) & (POLLERR | POLLHUP | POLLNVAL) != 0
    }

    /// The error of a finished connection attempt; 0 if it succeeded.
    package final func pendingError() -> Int32 {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &value, &size)
        return value
    }
}
