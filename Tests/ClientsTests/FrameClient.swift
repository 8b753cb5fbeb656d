import TestSupport
import Testing

@testable import Clients

// An HTTP/2 client over a socket pair, that sends what a test says, frame by frame.

final class FrameClient {
    let client: ScriptedClient
    private let scene: ClientScene
    private let reader = HTTP2FrameReader()
    /// Everything that has come, in order.
    private(set) var frames: [HTTP2Frame] = []

    /// - Parameter settings: what the client's preface says; nil for a client that sends none.
    init(
        _ scene: ClientScene, room: Int? = nil, settings: [(UInt16, UInt32)]? = [], acknowledges: Bool = true
    ) {
        self.scene = scene
        client = scene.connect(room: room)
        client.connection.takesPreface = true
        guard let settings else { return }
        client.send(HTTP2.preface + HTTP2.settings(settings).bytes)
        receive()
        if acknowledges { send(HTTP2Frame(.settings, flags: HTTP2Frame.acknowledges)) }
    }

    func send(_ frames: HTTP2Frame...) { send(frames) }

    func send(_ frames: [HTTP2Frame]) {
        client.send(frames.flatMap(\.bytes))
        receive()
    }

    func send(bytes: [UInt8]) {
        client.send(bytes)
        receive()
    }

    /// Takes what has come.
    func receive() { frames += reader.read(client.readAll()) }

    var end: String? { client.end }

    /// Frames of one kind, of one stream or of any.
    func all(_ kind: HTTP2Frame.Kind, _ stream: UInt32? = nil) -> [HTTP2Frame] {
        frames.filter { $0.isKind(kind) && (stream == nil || $0.stream == stream) }
    }

    /// The content of a response.
    func content(_ stream: UInt32) -> [UInt8] { all(.data, stream).flatMap(\.payload) }

    func status(_ stream: UInt32) -> String? { all(.headers, stream).first?[":status"] }

    /// The error of the connection, if it has ended with one.
    var connectionError: UInt32? { all(.goAway).last?.error }

    func streamError(_ stream: UInt32) -> UInt32? { all(.reset, stream).last?.error }

    /// Whether the connection still works.
    var isAlive: Bool {
        let before = all(.ping).count
        send(HTTP2Frame(.ping, [1, 2, 3, 4, 5, 6, 7, 8]))
        return all(.ping).count == before + 1 && end == nil && connectionError == nil
    }
}

extension ClientConnections {
    var http2: [HTTP2Connection] { connections.compactMap { $0 as? HTTP2Connection } }
}

extension HTTP2Connection {
    /// The moment after a warning is over.
    func letShutdownPass() {
        if shutdownDue != nil { shutdownDue = loop.now }
        deadlinePassed()
    }

    /// The moment after responses to requests that haven't ended.
    func letUnfinishedRequestsPass() {
        var passed = UnfinishedRequests()
        let past = loop.now.advanced(byMilliseconds: -UnfinishedRequests.patienceMilliseconds)
        while let stream = unfinished.takeFirst() { passed.add(stream, now: past) }
        unfinished = passed
        deadlinePassed()
    }

    func letIdleTimePass() {
        if idleDue != nil { idleDue = loop.now }
        deadlinePassed()
    }
}
