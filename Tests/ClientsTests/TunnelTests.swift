import Bytes
import HTTPWire
import TestSupport
import Testing

@testable import Clients

// A connection that has left HTTP: bytes go both ways as they are.

@Suite("RFC 9110 §7.8, a client's connection: tunnels")
struct TunnelTests {
    private let request = "GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"

    private func tunnel(_ scene: ClientScene) {
        let text = Array("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n".utf8)
        scene.answer = { handler in
            handler.wait()
            var head = ResponseHead()
            guard (try? head.parse(text.span, answering: .get, limits: HeadLimits())) == true else { return }
            scene.writer.begin(101, "Switching Protocols")
            handler.stream!.switchProtocols(head, text.span)
            handler.stream!.flush()
            let ahead = handler.stream!.takeAhead()
            scene.log.append("ahead: \(ahead.text)")
        }
    }

    @Test("After a switch bytes go both ways as they are, what the client sent ahead first")
    func tunnelBytes() {
        let scene = ClientScene { $0.tunnelTimeout = 7000 }
        tunnel(scene)
        let client = scene.connect()
        var handler: NotingHandler?
        let answer = scene.answer
        scene.answer = {
            handler = $0
            answer($0)
        }
        client.send(request + "early")
        #expect(
            client.text() == "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        client.send("GET / HTTP/1.1\r\n\r\n")
        #expect(scene.log == ["GET /a", "ahead: early", "tunnel: GET / HTTP/1.1\r\n\r\n"])
        #expect(client.waits(7000))
        handler?.stream?.sendTunnel("down".utf8.span)
        #expect(client.text() == "down" && client.waits(7000))
        client.finishSending()
        #expect(Array(scene.log.suffix(2)) == ["tunnel ended", "sent"])
        #expect(client.text() == "" && client.end == "closed")
    }

    @Test("What a tunnel's client doesn't take is queued, and sent before the tunnel ends")
    func tunnelBlocked() {
        let scene = ClientScene()
        tunnel(scene)
        let client = scene.connect(room: 4096)
        var handler: NotingHandler?
        let answer = scene.answer
        scene.answer = {
            handler = $0
            answer($0)
        }
        client.send(request)
        _ = client.read()
        let bytes = patternedBody(300_000)
        handler?.stream?.sendTunnel(bytes.span)
        #expect(scene.log.last == "blocked")
        handler?.stream?.endTunnel()
        let isSame = client.readAll() == bytes
        #expect(isSame && client.end == "closed" && scene.log.last == "sent")
    }

    @Test("A tunnel in which nothing happens has its time")
    func tunnelDeadline() {
        let scene = ClientScene()
        tunnel(scene)
        let client = scene.connect()
        client.send(request)
        client.letTimePass()
        #expect(scene.log.last == "deadline: tunnel" && !client.connection.isOpen)
    }

    /// A tunnel whose handler notes the client's end and goes on.
    private func openTunnel(_ client: ScriptedClient, _ scene: ClientScene) -> NotingHandler {
        var handler: NotingHandler?
        let answer = scene.answer
        scene.answer = {
            handler = $0
            answer($0)
        }
        scene.keepsTunnel = true
        client.send(request)
        _ = client.read()
        return handler!
    }

    @Test("The client's end is no end of the tunnel: what the origin still says reaches it")
    func clientEnds() {
        let scene = ClientScene { $0.tunnelTimeout = 900_000 }
        tunnel(scene)
        let client = scene.connect()
        let handler = openTunnel(client, scene)
        client.send("last")
        client.finishSending()
        #expect(Array(scene.log.suffix(2)) == ["tunnel: last", "tunnel ended"])
        #expect(client.connection.isOpen)
        handler.stream!.sendTunnel("words".utf8.span)
        #expect(client.text() == "words" && client.end == nil)
        handler.stream!.endTunnel()
        scene.settle()
        #expect(client.text() == "" && client.end == "closed" && !client.connection.isOpen)
    }

    @Test("The origin's end is passed on behind what is queued, and the client may go on sending")
    func originEnds() {
        let scene = ClientScene()
        tunnel(scene)
        let client = scene.connect(room: 4096)
        let handler = openTunnel(client, scene)
        let bytes = patternedBody(200_000)
        handler.stream!.sendTunnel(bytes.span)
        handler.stream!.endTunnelOutput()
        client.send("while it is behind")
        #expect(scene.log.last == "tunnel: while it is behind")
        let isSame = client.readAll() == bytes
        #expect(isSame && client.end == "closed" && client.connection.isOpen)
        client.send("still here")
        #expect(scene.log.last == "tunnel: still here")
        client.finishSending()
        #expect(scene.log.last == "tunnel ended")
    }

    @Test("The tunnel's time holds while the client isn't read from, and while it takes nothing")
    func pausedDeadline() {
        let scene = ClientScene { $0.tunnelTimeout = 600 }
        tunnel(scene)
        let client = scene.connect(room: 4096)
        let handler = openTunnel(client, scene)
        handler.stream!.awaitTunnel(reads: false)
        #expect(client.deadline! <= 600)
        client.letTimePass()
        #expect(scene.log.last == "deadline: tunnel" && !client.connection.isOpen)

        let blocked = scene.connect(room: 4096)
        let other = openTunnel(blocked, scene)
        let bytes = patternedBody(300_000)
        other.stream!.sendTunnel(bytes.span)
        #expect(scene.log.last == "blocked" && blocked.deadline! <= 600)
        blocked.letTimePass()
        #expect(scene.log.last == "deadline: tunnel")
    }

    @Test("A tunnel's client that isn't read from is looked at meanwhile, without an end to the tunnel's time")
    func looks() {
        let scene = ClientScene { $0.tunnelTimeout = 900_000 }
        tunnel(scene)
        let client = scene.connect(isTCP: true)
        let handler = openTunnel(client, scene)
        handler.stream!.awaitTunnel(reads: false)
        let count = scene.log.count
        #expect(client.deadline! <= 1_000)
        client.letTimePass()
        #expect(client.connection.isOpen && client.deadline! <= 1_000 && scene.log.count == count)
        client.abort()
        for _ in 0..<200 where client.connection.isOpen { client.letTimePass() }
        #expect(scene.log.last == "gone" && !client.connection.isOpen)
    }

    @Test("What a tunnel that has ended leaves queued has the time of any response")
    func queuedAtEnd() {
        let scene = ClientScene { $0.writeTimeout = 20_000 }
        tunnel(scene)
        let client = scene.connect(room: 4096)
        let handler = openTunnel(client, scene)
        let bytes = patternedBody(300_000)
        handler.stream!.sendTunnel(bytes.span)
        handler.stream!.endTunnel()
        #expect(client.waits(20_000))
        client.letTimePass()
        #expect(scene.log.last == "deadline: room" && !client.connection.isOpen)
    }
}
