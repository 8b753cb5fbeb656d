// Listens to a sentinel for the news that a master was replaced. It only saves time: what isn't heard here is found when the
// sentinels are asked the next time, so that a subscription which fails is not repeated until then.

import Bytes
import EventLoop

/// Used on its loop's thread.
final class SwitchSubscription {
    private let master: [UInt8]
    private let place: (sentinel: Int, connects: Int)
    private let heard: () -> Void
    private var socket: RedisSocket?
    private var reader: ReplyReader?
    private var output = ByteQueue()
    private var isConnected = false

    /// - Parameters:
    ///   - address: of the sentinel.
    ///   - place: which sentinel it is, and how often it had been connected to: another connection since then means that
    ///     this one may be lost, too.
    ///   - heard: another server has become the master.
    init(
        loop: EventLoop, address: SocketAddress, settings: SentinelSettings, place: (sentinel: Int, connects: Int),
        heard: @escaping () -> Void
    ) {
        master = Array(settings.master.utf8)
        self.place = place
        self.heard = heard
        if let password = settings.password {
            output.command(settings.user == nil ? 2 : 3)
            output.argument("AUTH")
            if let user = settings.user { output.argument(user) }
            output.argument(password)
        }
        output.command(2)
        output.argument("SUBSCRIBE")
        output.argument("+switch-master")
        reader = ReplyReader(delegate: self, arrayLimits: .init(depth: 1, elements: 8, bytes: 4096))
        switch startConnection(to: address) {
        case .connected(let descriptor), .underWay(let descriptor):
            socket = RedisSocket(loop: loop, descriptor: descriptor, owner: self)
            socket?.wait(for: .readAndWrite)
        case .failed: break
        }
    }

    func isOf(_ sentinel: Int, _ connects: Int) -> Bool { place == (sentinel, connects) }

    func close() {
        socket?.close()
        socket = nil
    }
}

extension SwitchSubscription: RedisSocketOwner {
    func writable(_ caller: RedisSocket) {
        guard caller === socket else { return }
        if !isConnected {
            guard caller.pendingError() == 0 else { return close() }
            isConnected = true
        }
        guard case .wrote(let count) = caller.send(output.bytes) else { return close() }
        output.consume(count)
        if output.count == 0 { caller.wait(for: .read) }
    }

    func readable(_ caller: RedisSocket) {
        guard caller === socket, let reader else { return }
        switch caller.receive() {
        case .bytes(let count):
            let input = caller.loop.input
            var offset = 0
            while offset < count {
                offset = reader.feed(input.span(count: count), from: offset)
                reading: while true {
                    switch reader.next() {
                    case .incomplete: break reading
                    case .malformed, .reply(.error): return close()
                    case .reply: break
                    }
                }
            }
        case .wouldBlock: break
        case .ended, .failed: close()
        }
    }
}

extension SwitchSubscription: ReplyReaderDelegate {
    func replyReader(_ reader: ReplyReader, didReadBulk bytes: Span<UInt8>) {}
    func replyReaderTakesArray(_ reader: ReplyReader) -> Bool { true }

    func replyReader(_ reader: ReplyReader, didReadArray elements: [ReplyElement]) {
        if Self.isSwitch(of: master, elements) { heard() }
    }

    /// Whether a message says that the master with this name was replaced: its text is the name and two addresses.
    static func isSwitch(of master: [UInt8], _ elements: [ReplyElement]) -> Bool {
        guard elements.count == 3, elements[0].bytes == Array("message".utf8), let text = elements[2].bytes else {
            return false
        }
        return text.starts(with: master + [0x20])
    }
}
