// Who sends a request on a stream of a connection that others use too, and what can become of that.

import EventLoop
import HTTPWire

/// The user of a stream, which receives its events.
protocol OriginStreamUser: AnyObject {
    /// There is a connection now.
    func streamOpened(_ stream: OriginStream)
    /// There is no connection.
    func streamRefused(_ stream: OriginStream, _ failure: OriginStream.NoConnection)
    func streamReadable(_ stream: OriginStream)
    func streamWritable(_ stream: OriginStream)
    func streamDeadlinePassed(_ stream: OriginStream)
}

extension OriginStream {
    /// Why a stream that waited for its connection has none.
    enum NoConnection {
        /// Connecting has failed, with that `errno`.
        case refused(Int32)
        case insecure(HandshakeFault)
        /// The server speaks HTTP/1.1 only. The connection is the stream's user's, if there is one.
        case speaksHTTP1(OriginConnection?)
        /// The connection takes fewer streams than waited for it.
        case full
        /// The connection was over before the server had said anything (RFC 9113 §3.4), or as good as that.
        case closed
        /// It waited until the server takes one more stream, and the connection is over.
        /// - Parameter isUnserved: no response has ever come over it.
        case lost(isUnserved: Bool)
    }

    /// Why nothing more comes, though the response isn't complete.
    enum End: Equatable {
        /// The server has processed nothing of the request (RFC 9113 §8.7): the connection is over, or takes no more streams.
        case unprocessed
        /// The same, by RST_STREAM alone.
        case refused
        case malformed(WireError)
        /// The server has reset the stream, or its connection is gone.
        case broken
    }
}

/// What a stream was closed with.
enum HTTP2StreamError {
    case refused
    case other
}
