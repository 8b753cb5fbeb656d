// How other threads reach a loop: a locked list and an eventfd that wakes the loop.

import Bytes
import CLibevent
import Glibc

/// Messages for one loop, from any thread. It has no limit of its own, but its senders are bounded: each kind of
/// message has one sender that waits for the result, or is a control message of the process.
package final class Mailbox<Message: Sendable>: Sendable {
    private let waiting = Locked<[Message]>([])
    private let wakeUp: Int32

    package init() {
        wakeUp = larder_eventfd()
        precondition(wakeUp >= 0, "could not create an eventfd")
    }

    deinit { _ = Glibc.close(wakeUp) }

    /// May be called on any thread. Messages are handled in order, in one of the loop's next turns.
    package func post(_ message: Message) {
        waiting.withLock { $0.append(message) }
        larder_eventfd_wake(wakeUp)
    }

    /// Starts delivery on `loop`. Call it once, on the loop's thread. Delivery ends when the returned socket is closed.
    package func deliver(on loop: EventLoop, to handler: @escaping (Message) -> Void) -> Socket {
        MailboxSocket(loop: loop, descriptor: duplicate(wakeUp), mailbox: self, handler: handler)
    }

    fileprivate func takeAll() -> [Message] {
        waiting.withLock { messages in
            let taken = messages
            messages.removeAll(keepingCapacity: true)
            return taken
        }
    }
}

/// The socket closes its own copy of the eventfd, so that the mailbox may outlive the loop.
private func duplicate(_ descriptor: Int32) -> Int32 { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }

private final class MailboxSocket<Message: Sendable>: Socket {
    private let mailbox: Mailbox<Message>
    private let handler: (Message) -> Void

    init(loop: EventLoop, descriptor: Int32, mailbox: Mailbox<Message>, handler: @escaping (Message) -> Void) {
        self.mailbox = mailbox
        self.handler = handler
        super.init(loop: loop, descriptor: descriptor)
        wait(for: .read)
    }

    override func readable() {
        larder_eventfd_clear(descriptor)
        for message in mailbox.takeAll() { handler(message) }
    }
}
