// Reading: bytes from the socket are parsed into replies, and each reply goes to the receiver of the first command in
// the queue.

import Bytes
import EventLoop

extension RedisConnection: ReplyReaderDelegate {
    /// Maximum number of reads per turn, so that other sockets aren't starved.
    private static let readsPerTurn = 4

    func readable(_ caller: RedisSocket) {
        reading: for _ in 0..<Self.readsPerTurn {
            guard caller === socket else { break }
            switch caller.receive() {
            case .bytes(let count):
                bytesReceived += count
                parse(count, from: caller)
                if count < loop.input.capacity { break reading }
            case .wouldBlock: break reading
            case .ended, .failed:
                handle(.lost(caller.lossTrouble(isGreeting: state.phase == .greeting)))
                break reading
            }
        }
        // The receivers' own users are called only now, because they may read from another socket into the same buffer.
        delegate?.connectionDidProgress(self)
    }

    /// Parses the first `count` bytes of the loop's input buffer. Stops early if the connection is lost meanwhile.
    private func parse(_ count: Int, from caller: RedisSocket) {
        guard let reader else { return }
        let input = loop.input
        var offset = 0
        while offset < count {
            offset = reader.feed(input.span(count: count), from: offset)
            parsing: while true {
                switch reader.next() {
                case .incomplete: break parsing
                case .malformed: return noteMalformedReply()
                case .reply(let reply):
                    handle(reply)
                    guard caller === socket else { return }
                }
            }
        }
    }

    func replyReader(_ reader: ReplyReader, didReadBulk bytes: Span<UInt8>) {
        guard let command = queue.first, command.replyType.hasBytes, let receiver = command.receiver else { return }
        attachments.lend(to: receiver, for: command, bulk: bytes)
    }

    func replyReader(_ reader: ReplyReader, didReadUnknownError text: Span<UInt8>) {
        if let new = unknownErrors.note(text) { delegate?.connection(self, didSeeUnknownError: new) }
    }

    func replyReader(_ reader: ReplyReader, didReadRedirection text: Span<UInt8>) { redirection = Redirection(text) }

    func replyReaderTakesArray(_ reader: ReplyReader) -> Bool { queue.first?.replyType == .array }

    func replyReader(_ reader: ReplyReader, didReadArray elements: [ReplyElement]) {
        guard let command = queue.first else { return }
        command.receiver?.receive(array: elements, for: command)
    }

    private func handle(_ reply: Reply) {
        // The command stays in the queue, among those that end with the connection.
        guard let expected = queue.first?.replyType, expected.accepts(reply), let command = queue.popFirst() else {
            return noteMalformedReply()
        }
        if command.attachmentCount > 0 { attachments.consume(command.attachmentCount) }
        noteReply(to: command)
        // An abandoned command no longer has a receiver.
        command.receiver?.finish(command, with: .reply(reply), on: self)
        if case .error(let kind) = reply {
            errorReplies += 1
            if kind.isOfOneKey { delegate?.connection(self, didRefuse: kind) }
            handle(.errorReply(kind, command.role))
        } else if command.role == .ping && !command.isAbandoned {
            handle(.pong)
        }
    }
}

extension ByteQueue {
    /// Passes a bulk string to its receiver, together with the bytes attached to the command, which are at the front of
    /// this queue. A method of the queue, because a span of a class's property can't be passed on.
    fileprivate borrowing func lend(to receiver: any CommandReceiver, for command: PendingCommand, bulk: Span<UInt8>) {
        receiver.receive(bulk: bulk, attachment: first(command.attachmentCount), for: command)
    }
}
