// A request's content on its way from a stream's window to the handler: the window opens by what the handler has taken
// (RFC 9113 §5.2).

import Bytes
import HTTP2Wire
import HTTPWire

extension HTTP2Stream {
    func takeContent() {
        guard wantsContent, tunnel == nil else {
            if tunnel != nil { takeTunnelContent() }
            return
        }
        let serial = self.serial
        deliver()
        if serial == self.serial, !isContentComplete { handler.contentTurnEnded() }
    }

    /// Hands on what there is.
    func deliver() {
        guard connection != nil, !isContentComplete else { return }
        let serial = self.serial
        if !content.isEmpty {
            var taken = takeBuffer()
            contentCount += UInt64(taken.count)
            if contentCount > connections.limits.body {
                fault = WireError(.contentTooLarge, from: .client)
                return handler.contentRefused()
            }
            handler.contentReceived(taken.span)
            guard serial == self.serial, let connection else { return }
            connection.session.consume(taken.count, of: identifier)
            returnBuffer(&taken)
            connection.run()
            guard serial == self.serial else { return }
        }
        guard hasInputEnded, content.isEmpty, !isContentComplete else { return }
        isContentComplete = true
        handler.contentEnded(trailers: trailers)
    }

    /// What was received, out of the way of whoever takes it.
    func takeBuffer() -> ByteBuffer {
        var taken = ByteBuffer()
        swap(&taken, &content)
        countBytes()
        return taken
    }

    /// Its memory serves again, unless something has come meanwhile.
    func returnBuffer(_ buffer: inout ByteBuffer) {
        guard content.isEmpty else { return }
        buffer.removeAll(keepingUpTo: 16 << 10)
        swap(&buffer, &content)
    }

    var hasReceivedContent: Bool { !content.isEmpty }
    var hasReceivedAll: Bool { hasInputEnded }
}
