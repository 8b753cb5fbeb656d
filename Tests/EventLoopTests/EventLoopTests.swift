// What the loop guarantees: deadlines are kept and can be moved, messages arrive in order, nothing is freed or called
// after it was closed, and several pieces are sent as one.

import EventLoop
import Foundation
import Testing

/// One end of a socket pair on a loop, recording what happens to it.
private final class Recorder: Socket {
    var received: [UInt8] = []
    var events: [String] = []
    var onDeadline: (() -> Void)?
    var onReadable: (() -> Void)?

    override func readable() {
        switch receive() {
        case .bytes(let count):
            let input = loop.input
            let bytes = input.span(count: count)
            for index in bytes.indices { received.append(bytes[index]) }
        case .ended: events.append("ended")
        case .wouldBlock: events.append("blocked")
        case .failed: events.append("failed")
        }
        onReadable?()
    }

    override func writable() { events.append("writable") }

    override func deadlinePassed() {
        events.append("deadline")
        onDeadline?()
    }
}

private func pair() -> (Int32, Int32) {
    var ends: [Int32] = [0, 0]
    socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &ends)
    return (ends[0], ends[1])
}

/// Runs the loop until `stop` is called in it, ten seconds at most.
private func run(_ loop: EventLoop) {
    let guardTimer = LoopTimer(loop: loop) {
        Issue.record("the loop did not end by itself")
        loop.stop()
    }
    guardTimer.schedule(afterMilliseconds: 10_000)
    loop.run()
    guardTimer.cancel()
}

@Suite("Event loop") struct EventLoopTests {
    @Test func `bytes from the peer arrive, and its end of stream is reported`() {
        let loop = EventLoop(inputCapacity: 65_536)
        let (mine, other) = pair()
        let socket = Recorder(loop: loop, descriptor: mine)
        socket.wait(for: .read)
        write(other, "hello", 5)
        close(other)
        socket.onReadable = { if socket.events == ["ended"] { loop.stop() } }
        run(loop)
        #expect(socket.received == Array("hello".utf8))
        socket.close()
    }

    @Test func `the poll tells of a silent socket that it was silent, and of no other`() {
        let loop = EventLoop(inputCapacity: 65_536)
        let (silentEnd, silentOther) = pair()
        let (loudEnd, loudOther) = pair()
        let (newEnd, newOther) = pair()
        let silent = Recorder(loop: loop, descriptor: silentEnd)
        let loud = [Recorder(loop: loop, descriptor: loudEnd), Recorder(loop: loop, descriptor: newEnd)]
        let idle = Recorder(loop: loop, descriptor: dup(silentEnd))
        silent.wait(for: .read)
        for socket in loud { socket.wait(for: .read) }
        #expect(!silent.wasSilentWhenPolled, "no poll has been made yet")
        write(loudOther, "a", 1)
        close(newOther)
        var turns = 0
        let look = {
            turns += 1
            // Each is woken in the same turn: one looks at the other before that has been told, the other after.
            for socket in loud { #expect(!socket.wasSilentWhenPolled) }
            #expect(silent.wasSilentWhenPolled)
            #expect(!idle.wasSilentWhenPolled, "nothing was waited for")
            idle.wait(for: .read)
            #expect(!idle.wasSilentWhenPolled, "it is waited for from the next poll on")
            idle.wait(for: .none)
            if turns == 2 { loop.stop() }
        }
        for socket in loud { socket.onReadable = look }
        run(loop)
        #expect(turns == 2)
        for socket in loud + [silent, idle] { socket.close() }
        close(silentOther)
        close(loudOther)
    }

    @Test func `a poll that may have been cut short tells of no socket that it was silent`() {
        let loop = EventLoop(inputCapacity: 65_536)
        let (silentEnd, silentOther) = pair()
        let silent = Recorder(loop: loop, descriptor: silentEnd)
        silent.wait(for: .read)
        let ends = (0..<40).map { _ in pair() }
        let loud = ends.map { Recorder(loop: loop, descriptor: $0.0) }
        var answers: [Bool] = []
        for (socket, end) in zip(loud, ends) {
            socket.wait(for: .read)
            socket.onReadable = {
                answers.append(silent.wasSilentWhenPolled)
                if answers.count == 40 { loop.stop() }
            }
            write(end.1, "a", 1)
        }
        run(loop)
        #expect(answers.prefix(32).allSatisfy { !$0 })
        // From now on one is ready at a time, and each poll tells of all.
        answers.removeAll()
        loud[0].onReadable = {
            answers.append(silent.wasSilentWhenPolled)
            loop.stop()
        }
        for _ in 0..<2 {
            write(ends[0].1, "b", 1)
            run(loop)
        }
        #expect(answers.last == true)
        for socket in loud + [silent] { socket.close() }
        for (_, end) in ends { close(end) }
        close(silentOther)
    }

    @Test func `a closed socket has no deadline, and none can be set`() {
        let loop = EventLoop(inputCapacity: 65_536)
        let (mine, other) = pair()
        weak var gone: Recorder?
        do {
            let socket = Recorder(loop: loop, descriptor: mine)
            gone = socket
            socket.setDeadline(afterMilliseconds: 100)
            #expect(socket.hasDeadline)
            socket.close()
            socket.setDeadline(afterMilliseconds: 100)
            #expect(!socket.hasDeadline)
        }
        // The wheel turns past that moment, and finds nothing.
        let timer = LoopTimer(loop: loop) { loop.stop() }
        timer.schedule(afterMilliseconds: 300)
        run(loop)
        #expect(gone == nil)
        close(other)
    }

    @Test func `three pieces go out in order and empty ones cost nothing`() {
        let loop = EventLoop(inputCapacity: 65_536)
        let (mine, other) = pair()
        let socket = Recorder(loop: loop, descriptor: mine)
        let (first, third): ([UInt8], [UInt8]) = (Array("ab".utf8), Array("cd".utf8))
        #expect(socket.send(first.span, Span(), third.span) == .wrote(4))
        var bytes = [UInt8](repeating: 0, count: 8)
        #expect(read(other, &bytes, 8) == 4)
        #expect(Array(bytes.prefix(4)) == Array("abcd".utf8))
        socket.close()
        close(other)
    }

    @Test func `a full socket accepts a part and the caller keeps the rest`() {
        let loop = EventLoop(inputCapacity: 65_536)
        let (mine, other) = pair()
        let socket = Recorder(loop: loop, descriptor: mine)
        let large = [UInt8](repeating: 7, count: 4 << 20)
        guard case .wrote(let count) = socket.send(large.span) else {
            Issue.record("the write failed")
            return
        }
        #expect(count > 0 && count < large.count)
        #expect(socket.send(large.span) == .wrote(0))
        socket.close()
        close(other)
    }

    @Test func `writing to a closed peer fails instead of raising a signal`() {
        let loop = EventLoop(inputCapacity: 65_536)
        let (mine, other) = pair()
        let socket = Recorder(loop: loop, descriptor: mine)
        close(other)
        let bytes: [UInt8] = [1]
        #expect(socket.send(bytes.span) == .failed(EPIPE))
        socket.close()
    }

    @Test func `deadlines pass in order and within a slot of their time`() {
        let loop = EventLoop(inputCapacity: 4096)
        let begin = MonotonicTime.now()
        var passed: [(String, Int64)] = []
        var sockets: [Recorder] = []
        for (name, delay) in [("late", 300), ("early", 60), ("middle", 160)] {
            let (mine, other) = pair()
            close(other)
            let socket = Recorder(loop: loop, descriptor: mine)
            socket.setDeadline(afterMilliseconds: Int64(delay))
            socket.onDeadline = {
                passed.append((name, MonotonicTime.now().milliseconds(since: begin) - Int64(delay)))
                if passed.count == 3 { loop.stop() }
            }
            sockets.append(socket)
        }
        run(loop)
        #expect(passed.map(\.0) == ["early", "middle", "late"])
        #expect(passed.allSatisfy { $0.1 >= 0 })
        for socket in sockets { socket.close() }
    }

    @Test func `a deadline can be moved later, moved earlier, and cleared`() {
        let loop = EventLoop(inputCapacity: 4096)
        let ends = (0..<3).map { _ in pair() }
        let sockets = ends.map { Recorder(loop: loop, descriptor: $0.0) }
        sockets[0].setDeadline(afterMilliseconds: 50)
        sockets[0].setDeadline(afterMilliseconds: 400)
        sockets[1].setDeadline(afterMilliseconds: 5_000)
        sockets[1].setDeadline(afterMilliseconds: 100)
        sockets[2].setDeadline(afterMilliseconds: 50)
        sockets[2].clearDeadline()
        var order: [Int] = []
        for index in 0..<3 {
            sockets[index].onDeadline = {
                order.append(index)
                if index == 0 { loop.stop() }
            }
        }
        run(loop)
        #expect(order == [1, 0])
        for (index, socket) in sockets.enumerated() {
            socket.close()
            close(ends[index].1)
        }
    }

    @Test func `a socket closed in its own callback is freed at the end of the turn and called no more`() {
        let loop = EventLoop(inputCapacity: 4096)
        let (mine, other) = pair()
        weak var freed: Recorder?
        do {
            let socket = Recorder(loop: loop, descriptor: mine)
            freed = socket
            socket.wait(for: .readAndWrite)
            socket.setDeadline(afterMilliseconds: 50)
            socket.onReadable = { [unowned socket] in socket.close() }
        }
        write(other, "x", 1)
        let end = LoopTimer(loop: loop) { loop.stop() }
        end.schedule(afterMilliseconds: 150)
        run(loop)
        #expect(freed == nil)
        #expect(loop.openSockets == 0)
        close(other)
    }

    @Test func `messages from other threads arrive in order on the loop's thread`() {
        let loop = EventLoop(inputCapacity: 4096)
        let mailbox = Mailbox<Int>()
        var received: [Int] = []
        let socket = mailbox.deliver(on: loop) { number in
            received.append(number)
            if number == 999 { loop.stop() }
        }
        let thread = startPosting(to: mailbox)
        run(loop)
        thread.join()
        #expect(received == Array(0..<1000))
        socket.close()
    }

    @Test func `names are resolved on another thread, and a failure has a reason`() async {
        let resolver = Resolver()
        let good = await withCheckedContinuation { continuation in
            resolver.resolve(host: "localhost", port: 80) { continuation.resume(returning: $0) }
        }
        guard case .addresses(let addresses) = good else {
            Issue.record("localhost has an address")
            return
        }
        #expect(addresses.contains { $0.isLoopback })
        let bad = await withCheckedContinuation { continuation in
            resolver.resolve(host: "no-such-host.invalid", port: 80) { continuation.resume(returning: $0) }
        }
        guard case .failed(let reason) = bad else {
            Issue.record("a reserved name resolved")
            return
        }
        #expect(!reason.isEmpty)
    }

    @Test(arguments: ["127.0.0.1", "::1"]) func `listening on port 0 reports the port, and a peer's address is known`(
        host: String
    ) throws {
        let loop = EventLoop(inputCapacity: 4096)
        let address = try #require(SocketAddress(numericHost: host, port: 0))
        guard let descriptor = try? listeningSocket(on: address, reusePort: true) else { return }
        let bound = try #require(boundAddress(of: descriptor))
        #expect(bound.port != 0)
        var peers: [PeerAddress] = []
        let listener = Listener(
            loop: loop, descriptor: descriptor, address: bound,
            accepted: { connection, peer in
                peers.append(peer)
                close(connection)
                loop.stop()
            }, refused: { _ in })
        let started = startConnection(to: bound)
        run(loop)
        #expect(peers.first?.address.isLoopback == true)
        listener.close()
        switch started {
        case .connected(let descriptor), .underWay(let descriptor): close(descriptor)
        case .failed(let code): Issue.record("connecting failed: \(errorText(code))")
        }
    }
}

/// Created outside the test, so that the closure isn't isolated to its actor.
private func startPosting(to mailbox: Mailbox<Int>) -> LoopThread {
    LoopThread.start(name: "poster") { for number in 0..<1000 { mailbox.post(number) } }
}
