// The commands of one connection that wait for their replies. Redis replies in the order in which it was asked, so this
// is a queue: senders append at the end, replies take from the front. It is a ring that grows by doubling; its owner
// keeps the bound. In steady use it allocates nothing.

import CacheStorage

/// Why a command has ended.
enum CommandOutcome: BitwiseCopyable {
    /// Redis has replied, perhaps with an error. The bytes of a bulk string were handed over before.
    case reply(Reply)
    /// No reply will be waited for: the connection is gone, or the server doesn't serve.
    /// `isTimedOut`: this very command is past its deadline.
    case abandoned(StoreTrouble, isTimedOut: Bool)
}

/// Whoever sends commands. Each command is told its outcome once, on the connection's thread.
protocol CommandReceiver: AnyObject {
    /// The reply to `command` is a bulk string; `finish` follows. `bytes` and `attachment` (what the sender gave to be
    /// kept with the command) are gone after the call. The connection must not be used during it.
    func receive(bulk bytes: Span<UInt8>, attachment: Span<UInt8>, for command: PendingCommand)

    /// `command` has ended. The receiver may send more over `connection`, but it doesn't call back its own users from
    /// here: that has to wait for `RedisConnectionDelegate.connectionDidProgress(_:)`.
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection)
}

extension CommandReceiver {
    func receive(bulk bytes: Span<UInt8>, attachment: Span<UInt8>, for command: PendingCommand) {}
}

/// A command that was written and waits for its reply.
struct PendingCommand {
    enum Role: UInt8, BitwiseCopyable {
        /// A command of whoever uses the connection.
        case ordinary
        /// As `ordinary`, but a connection whose user isn't permitted to do this is of no use.
        case essential
        /// AUTH or SELECT, sent by the connection itself.
        case greeting
        /// PING, sent by the connection itself.
        case ping
    }

    var role = Role.ordinary
    /// On the monotonic clock, in milliseconds.
    var deadline: Int64 = 0
    /// Held until the command has ended. Nil where nobody minds the reply.
    var receiver: (any CommandReceiver)?
    /// Tells the receiver which of its commands this is; means nothing to the connection.
    var tag: UInt64 = 0
    /// As `tag`; held until the command has ended.
    var subject: AnyObject?
    /// How many of the connection's attached bytes belong to this command.
    var attachmentCount = 0
    /// The receiver has been told that nothing will come. The reply is only waited for so that the order stays right.
    var isAbandoned = false
}

struct CommandQueue {
    private var ring: [PendingCommand?] = Array(repeating: nil, count: 64)
    /// Numbers of the first command and of the next to come.
    private var front: UInt64 = 0
    private var end: UInt64 = 0

    var count: Int { Int(end - front) }
    var isEmpty: Bool { front == end }
    var first: PendingCommand? { isEmpty ? nil : ring[place(front)] }

    mutating func append(_ command: consuming PendingCommand) {
        if count == ring.count { grow() }
        ring[place(end)] = command
        end += 1
    }

    /// Takes the first command out.
    mutating func popFirst() -> PendingCommand? {
        guard !isEmpty else { return nil }
        let command = ring[place(front)].take()
        front += 1
        return command
    }

    /// Marks the command at `offset` from the front as abandoned and returns it as it was; nil where it was already.
    mutating func abandon(at offset: Int) -> PendingCommand? {
        let index = place(front + UInt64(offset))
        guard let command = ring[index], !command.isAbandoned else { return nil }
        ring[index]!.isAbandoned = true
        ring[index]!.receiver = nil
        ring[index]!.subject = nil
        return command
    }

    mutating func removeAll() {
        while popFirst() != nil {}
    }

    private func place(_ number: UInt64) -> Int {
        Int(truncatingIfNeeded: number) & (ring.count - 1)
    }

    private mutating func grow() {
        var larger: [PendingCommand?] = Array(repeating: nil, count: 2 * ring.count)
        for number in front..<end {
            larger[Int(truncatingIfNeeded: number) & (larger.count - 1)] = ring[place(number)].take()
        }
        ring = larger
    }
}
