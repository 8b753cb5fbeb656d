// Listens to a sentinel for the news that a master was replaced. It only saves time: what isn't heard here is found when the
// sentinels are asked the next time, so that a subscription which fails is not repeated until then.

import EventLoop

/// Used on its loop's thread.
final class SwitchSubscription {
    private let master: [UInt8]
    private let place: (sentinel: Int, connects: Int)
    private let heard: () -> Void
    private var connection: PushConnection?

    /// - Parameters:
    ///   - peer: the sentinel.
    ///   - place: which sentinel it is, and how often it had been connected to: another connection since then means that
    ///     this one may be lost, too.
    ///   - heard: another server has become the master.
    init(
        loop: EventLoop, peer: RedisPeer, settings: SentinelSettings, place: (sentinel: Int, connects: Int),
        heard: @escaping () -> Void
    ) {
        master = Array(settings.master.utf8)
        self.place = place
        self.heard = heard
        let limits = ArrayAssembly.Limits(depth: 1, elements: 8, bytes: 4096)
        connection = PushConnection(loop: loop, to: peer, limits: limits, owner: self)
        if let password = settings.password {
            connection?.output.authenticate(user: settings.user, password: password)
        }
        connection?.output.command(2)
        connection?.output.argument("SUBSCRIBE")
        connection?.output.argument("+switch-master")
    }

    func isOf(_ sentinel: Int, _ connects: Int) -> Bool { place == (sentinel, connects) }

    func close() {
        connection?.close()
        connection = nil
    }
}

extension SwitchSubscription: PushConnectionOwner {
    func pushConnection(_ connection: PushConnection, _ event: PushEvent) {
        switch event {
        case .opened, .passedOn: break
        case .received(.error, _), .malformed, .ended: close()
        case .received(.array, let elements): if Self.isSwitch(of: master, elements) { heard() }
        case .received: break
        }
    }

    /// Whether a message says that the master with this name was replaced: its text is the name and two addresses.
    static func isSwitch(of master: [UInt8], _ elements: [ReplyElement]) -> Bool {
        guard elements.count == 3, elements[0].bytes == Array("message".utf8), let text = elements[2].bytes else {
            return false
        }
        return text.starts(with: master + [0x20])
    }
}
