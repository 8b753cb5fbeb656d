import Configuration
import EventLoop
import Foundation
import HTTPSemantics
import HTTPWire
import Testing

@testable import Origins

// The I/O of an exchange against an origin on the same loop: what is sent, who is called, and which connection is
// reused.

/// Records calls; may set another delegate, or retire the exchange, within one.
final class Witness: ExchangeDelegate {
    var calls: [String] = []
    var content: [String] = []
    var successor: Witness?
    var onBegan: ((Exchange) -> Void)?
    var onOver: (() -> Void)?
    var onInterim: ((Exchange) -> Void)?
    var timer: LoopTimer?

    func exchangeTakesContent(_ exchange: Exchange) {
        calls.append("takes content")
        while !content.isEmpty {
            exchange.send(content: Array(content.removeFirst().utf8).span)
            if content.isEmpty { exchange.endContent(trailers: Array("X-Sum: 1\r\n".utf8)) }
        }
    }

    func exchange(_ exchange: Exchange, receivedInterim head: borrowing ResponseHead, _: Span<UInt8>) {
        calls.append("interim \(head.status)")
        onInterim?(exchange)
    }

    func exchange(_ exchange: Exchange, began head: borrowing ResponseHead, _: Span<UInt8>) {
        calls.append("began \(head.status)")
        if let successor { exchange.delegate = successor }
        onBegan?(exchange)
    }

    func exchange(_: Exchange, received piece: Span<UInt8>) {
        calls.append("received " + String(decoding: piece.indices.map { piece[$0] }, as: UTF8.self))
    }

    func exchangeTurnEnded(_: Exchange) { calls.append("turn ended") }

    func exchangeEnded(_: Exchange) {
        calls.append("ended")
        onOver?()
    }

    func exchange(_: Exchange, failed failure: ExchangeFailure) {
        calls.append("failed \(failure.cause)")
        onOver?()
    }
}

/// One connection of the origin: a response for each request that arrives.
final class OriginEnd: Socket {
    let respond: (_ received: String) -> String?
    var received = ""
    /// Closes at the next request instead of responding, once it has all of it.
    var closesAt: String?

    init(loop: EventLoop, descriptor: Int32, respond: @escaping (String) -> String?) {
        self.respond = respond
        super.init(loop: loop, descriptor: descriptor)
        wait(for: .read)
    }

    override func readable() {
        guard case .bytes(let count) = receive() else { return close() }
        let input = loop.input
        let bytes = input.span(count: count)
        received += String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
        if let closesAt {
            if received.hasSuffix(closesAt) { close() }
            return
        }
        guard let response = respond(received) else { return }
        received = ""
        _ = send(Array(response.utf8).span)
    }
}

@Suite("An exchange with an origin")
struct ExchangeTests {
    private final class Stage {
        let loop = EventLoop(inputCapacity: 1 << 17)
        let origins: OriginAccess
        let group: UpstreamGroup
        let path = "/tmp/larder-exchange-\(UUID().uuidString).sock"
        var listener: Listener?
        var ends: [OriginEnd] = []

        init(respond: @escaping (String) -> String?) throws {
            origins = OriginAccess(loop: loop, resolver: Resolver(), headLimits: HeadLimits())
            group = UpstreamGroup(settings: Upstream(name: "u", servers: [.unix(path: path)]))
            let address = try #require(SocketAddress(unixPath: path))
            let descriptor = try listeningSocket(on: address, reusePort: false)
            listener = Listener(loop: loop, descriptor: descriptor, address: address) { [unowned self] socket, _ in
                ends.append(OriginEnd(loop: loop, descriptor: socket, respond: respond))
            } refused: { _ in
            }
            loop.turnEnded = { [unowned self] in origins.turnEnded() }
        }

        deinit { unlink(path) }

        func run(
            _ head: String, _ delegate: Witness, method: Method = .get, content: ContentSize = .none,
            isComplete: Bool = true
        ) {
            let exchange = origins.exchange(
                with: group, method: method, content: content, isRequestComplete: isComplete, isConditional: false,
                upgrades: [],
                delegate: delegate)
            exchange.request.append(Array(head.utf8).span)
            let over = delegate.successor ?? delegate
            over.onOver = { [self] in
                origins.retire(exchange)
                loop.stop()
            }
            let guardTimer = LoopTimer(loop: loop) { [loop] in
                Issue.record("the exchange did not end")
                loop.stop()
            }
            guardTimer.schedule(afterMilliseconds: 10_000)
            exchange.start()
            loop.run()
            guardTimer.cancel()
        }
    }

    @Test("Content is framed as the head announced it, trailers included")
    func chunks() throws {
        var seen = ""
        let stage = try Stage { received in
            guard received.hasSuffix("X-Sum: 1\r\n\r\n") else { return nil }
            seen = received
            return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        }
        let witness = Witness()
        witness.content = ["hello", "", "twenty bytes of text"]
        stage.run("HEAD\r\n\r\n", witness, method: .post, content: .unknown, isComplete: false)
        #expect(seen == "HEAD\r\n\r\n5\r\nhello\r\n14\r\ntwenty bytes of text\r\n0\r\nX-Sum: 1\r\n\r\n")
        #expect(witness.calls.filter { $0 != "takes content" } == ["began 200", "received ok", "ended"])
        #expect(stage.origins.figures.idleConnections == 1)
    }

    @Test("Content of known length is sent unchanged")
    func length() throws {
        var seen = ""
        let stage = try Stage { received in
            guard received.hasSuffix("world") else { return nil }
            seen = received
            return "HTTP/1.1 204 No Content\r\n\r\n"
        }
        let witness = Witness()
        witness.content = ["hello", "world"]
        stage.run("HEAD\r\n\r\n", witness, content: .known(10), isComplete: false)
        #expect(seen == "HEAD\r\n\r\nhelloworld")
        #expect(witness.calls.suffix(2) == ["began 204", "ended"])
    }

    @Test("A delegate that takes over in the middle gets all later calls, the first one none")
    func handover() throws {
        let stage = try Stage { _ in
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"
        }
        let (first, second) = (Witness(), Witness())
        first.successor = second
        stage.run("GET\r\n\r\n", first)
        #expect(first.calls == ["interim 103", "began 200"])
        #expect(second.calls == ["received ab", "ended"])
    }

    @Test("RFC 9110 §15.2: interim heads behind a pause wait, and go on with it, the final one too")
    func pausedInterim() throws {
        let stage = try Stage { _ in
            "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 B\r\n\r\nHTTP/1.1 103 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        }
        let witness = Witness()
        var heldAt: [Int] = []
        witness.onInterim = { [unowned witness] exchange in
            exchange.pause()
            let count = witness.calls.count
            // Later, as a client that has room again would.
            let timer = LoopTimer(loop: stage.loop) {
                heldAt.append(witness.calls.count - count)
                exchange.resume()
            }
            timer.schedule(afterMilliseconds: 5)
            witness.timer = timer
        }
        stage.run("GET\r\n\r\n", witness)
        #expect(witness.calls == ["interim 103", "interim 103", "interim 103", "began 200", "received ok", "ended"])
        #expect(heldAt == [0, 0, 0])
    }

    @Test("Once retired within a call, an exchange makes no more calls, and its connection is closed")
    func retirement() throws {
        let stage = try Stage { _ in "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" }
        let witness = Witness()
        witness.onBegan = { [unowned stage] exchange in
            stage.origins.retire(exchange)
            stage.loop.stop()
        }
        let group = stage.group
        let exchange = stage.origins.exchange(
            with: group, method: .get, content: .none, isRequestComplete: true, isConditional: false,
            upgrades: [],
            delegate: witness)
        exchange.request.append(Array("GET\r\n\r\n".utf8).span)
        exchange.start()
        stage.loop.run()
        #expect(witness.calls == ["began 200"])
        #expect(stage.origins.figures.openConnections == 0)
        #expect(group.servers[0].outstanding.load(ordering: .relaxed) == 0)
    }

    @Test("One exchange after another uses one connection, and one object")
    func reuse() throws {
        let stage = try Stage { _ in "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }
        for _ in 0..<3 {
            let witness = Witness()
            stage.run("GET\r\n\r\n", witness)
            #expect(witness.calls == ["began 200", "ended"])
        }
        let figures = stage.origins.figures
        #expect(figures.connects == 1 && figures.reuses == 2 && figures.idleConnections == 1)
    }

    @Test("A request on a stale connection is retried over a new one, and counted")
    func stale() throws {
        let stage = try Stage { _ in "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }
        stage.run("GET\r\n\r\n", Witness())
        stage.ends[0].closesAt = "GET\r\n\r\n"
        let witness = Witness()
        stage.run("GET\r\n\r\n", witness)
        #expect(witness.calls == ["began 200", "ended"])
        let figures = stage.origins.figures
        #expect(figures.connects == 2 && figures.retries == 1)
        #expect(stage.group.servers[0].totalFailures.load(ordering: .relaxed) == 0)
    }

    @Test(
        "RFC 9110 §9.2.2: content that has gone out over a stale connection goes out again, framed as before",
        arguments: [ContentSize.known(10), .unknown])
    func contentAgain(content: ContentSize) throws {
        let end = content == .unknown ? "5\r\nhello\r\n5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n" : "helloworld"
        var seen: [String] = []
        let stage = try Stage { received in
            guard received.hasSuffix(end) || received == "GET\r\n\r\n" else { return nil }
            seen.append(received)
            return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        }
        stage.run("GET\r\n\r\n", Witness())
        stage.ends[0].closesAt = end
        let witness = Witness()
        witness.content = ["hello", "world"]
        stage.run("PUT\r\n\r\n", witness, method: .put, content: content, isComplete: false)
        #expect(witness.calls.suffix(2) == ["began 200", "ended"])
        #expect(seen == ["GET\r\n\r\n", "PUT\r\n\r\n" + end])
        #expect(stage.origins.figures.retries == 1)
    }

    @Test(
        "A connection that the origin has closed, or written to, is seen before it is used", arguments: [true, false])
    func looksFirst(isClosed: Bool) throws {
        let stage = try Stage { _ in "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }
        stage.run("GET\r\n\r\n", Witness())
        // The worker's loop hasn't noticed when the next request takes the connection.
        if isClosed {
            stage.ends[0].close()
        } else {
            _ = stage.ends[0].send(Array("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged".utf8).span)
        }
        let witness = Witness()
        stage.run("POST\r\n\r\n", witness, method: .post)
        #expect(witness.calls == ["began 200", "ended"])
        let figures = stage.origins.figures
        #expect(figures.connects == 2 && figures.retries == 0 && figures.idleConnections == 1)
        #expect(stage.group.servers[0].endpoints[0].sendsSurplus(now: stage.loop.now) == !isClosed)
    }

    @Test("After a response without a body by rule the connection rests; once the server was caught, it is closed")
    func rest() throws {
        let stage = try Stage { _ in "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" }
        stage.run("HEAD\r\n\r\n", Witness(), method: .head)
        #expect(stage.origins.figures.idleConnections == 1)
        stage.group.servers[0].endpoints[0].noteSurplus(now: stage.loop.now)
        stage.run("HEAD\r\n\r\n", Witness(), method: .head)
        #expect(stage.origins.figures.idleConnections <= 1)
        #expect(stage.origins.figures.openConnections <= 1)
    }

    @Test("A response that breaks in the same read as its head doesn't begin")
    func brokenAtOnce() throws {
        let stage = try Stage { _ in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX" }
        let witness = Witness()
        stage.run("GET\r\n\r\n", witness)
        #expect(witness.calls == ["failed malformedResponse"])
        #expect(stage.origins.figures.openConnections == 0)
    }

    @Test("Connection refused: the failure says so, and the server is ejected")
    func refused() throws {
        let stage = try Stage { _ in nil }
        stage.listener?.close()
        unlink(stage.path)
        let witness = Witness()
        witness.onOver = nil
        let exchange = stage.origins.exchange(
            with: stage.group, method: .post, content: .none, isRequestComplete: true, isConditional: false,
            upgrades: [],
            delegate: witness)
        exchange.start()
        #expect(witness.calls == ["failed refused"])
        guard case .ejected = stage.group.servers[0].health(now: stage.loop.now) else {
            Issue.record("the server is not ejected")
            return
        }
    }
}
