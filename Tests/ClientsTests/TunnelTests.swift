import Bytes
import HTTPWire
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
}
