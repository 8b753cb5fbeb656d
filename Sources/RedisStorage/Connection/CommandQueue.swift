// The commands of one connection that wait for their replies. Redis replies in order, so this is a queue: commands are
// appended when sent, and each reply removes the first one. A ring that grows by doubling; its owner enforces the
// limit. In steady use it allocates nothing.

import CacheStorage

/// How a command has ended.
enum CommandOutcome: BitwiseCopyable {
    /// Redis has replied with the command's type of reply, or with an error. The bytes of a bulk string and the elements
    /// of an array were delivered before.
    case reply(Reply)
    /// Its reply is no longer awaited: the connection is lost, or the server doesn't respond. `isTimedOut`: this
    /// command itself exceeded its deadline.
    case abandoned(StoreTrouble, isTimedOut: Bool)
}

/// A sender of commands. It is called with the outcome of each command once, on the connection's thread.
protocol CommandReceiver: AnyObject {
    /// The reply to `command` is a bulk string; `finish` follows. `bytes` and `attachment` (which the sender attached
    /// to the command) are valid only during the call. The connection must not be used during it.
    func receive(bulk bytes: Span<UInt8>, attachment: Span<UInt8>, for command: PendingCommand)

    /// The reply to `command` is an array; `finish` follows. The connection must not be used during it.
    func receive(array elements: [ReplyElement], for command: PendingCommand)

    /// `command` has ended. The receiver may send more commands over `connection`, but must not call its own users yet:
    /// that has to wait for `RedisConnectionDelegate.connectionDidProgress(_:)`.
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection)
}

extension CommandReceiver {
    func receive(bulk bytes: Span<UInt8>, attachment: Span<UInt8>, for command: PendingCommand) {}
    func receive(array elements: [ReplyElement], for command: PendingCommand) {}
}

/// A command that waits for its reply.
struct PendingCommand {
    enum Role: UInt8, BitwiseCopyable {
        /// A command of a user of the connection.
        case ordinary
        /// As `ordinary`, but without permission for this command the connection is useless.
        case essential
        /// AUTH or SELECT, sent by the connection itself.
        case greeting
        /// PING, sent by the connection itself.
        case ping
    }

    var role = Role.ordinary
    /// A reply of any other type is a protocol error, which ends the connection and all that waits for it.
    var replyType = ReplyType.status
    /// On the monotonic clock, in milliseconds.
    var deadline: Int64 = 0
    /// Retained until the command has ended. Nil if the reply doesn't matter.
    var receiver: (any CommandReceiver)?
    /// Identifies the command to its receiver; opaque to the connection.
    var tag: UInt64 = 0
    /// As `tag`; retained until the command has ended.
    var subject: AnyObject?
    /// How many bytes of the connection's `attachments` belong to this command.
    var attachmentCount = 0
    /// The receiver has been told that the command failed. Its reply is still awaited to keep the order, and is then
    /// discarded.
    var isAbandoned = false
}

struct CommandQueue {
    private var ring: [PendingCommand?] = Array(repeating: nil, count: 64)
    /// Sequence numbers of the first command and of the next one to be appended.
    private var front: UInt64 = 0
    private var end: UInt64 = 0

    var count: Int { Int(end - front) }
    var isEmpty: Bool { front == end }
    var first: PendingCommand? { isEmpty ? nil : ring[place(front)] }
    /// The deadline of the first command that somebody waits for. Nil if there is none: then what is waited for has waited for
    /// less time.
    var firstDeadline: Int64? {
        guard !isEmpty, let command = ring[place(front)], !command.isAbandoned else { return nil }
        return command.deadline
    }

    mutating func append(_ command: consuming PendingCommand) {
        if count == ring.count { grow() }
        ring[place(end)] = command
        end += 1
    }

    /// Removes the first command.
    mutating func popFirst() -> PendingCommand? {
        guard !isEmpty else { return nil }
        let command = ring[place(front)].take()
        front += 1
        return command
    }

    /// Marks the command at `offset` from the front as abandoned and returns its previous value; nil if it was
    /// abandoned already.
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
