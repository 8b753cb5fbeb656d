// What all HTTP/2 sessions of one kind share on a worker: nghttp2's callbacks and options, and the buffers that frames are gathered
// in.
//
// Safety: both objects are owned here and freed in `deinit`; sessions copy what they need of them when they are made.

import Bytes
import CNghttp2

@safe
package final class HTTP2Library {
    let callbacks: OpaquePointer
    let options: OpaquePointer
    /// Supplies the content of messages that are sent.
    let readContent: nghttp2_data_source_read_callback
    /// Frames that are about to be offered to a socket.
    package var output = ByteBuffer()
    package let fields = FieldPairs()

    /// Control frames of ours that a peer hasn't taken (RFC 9113 §10.5). Beyond them nghttp2 gives the connection up; as with
    /// resets, ``FramePace`` is stricter.
    private static let mostAcknowledgements = 10_000
    /// CONTINUATION frames of one header section.
    private static let mostContinuations = 32
    private static let longestHead = 32 << 20
    /// The session's own bound of cancelled streams, which lies above ``FramePace``'s: that one says why.
    private static let resets: (most: UInt64, perSecond: UInt64) = (10_000, 1_000)

    /// - Parameter install: sets nghttp2's callbacks.
    package init(readContent: @escaping nghttp2_data_source_read_callback, install: (OpaquePointer) -> Void) {
        unsafe self.readContent = readContent
        var madeCallbacks: OpaquePointer?
        var madeOptions: OpaquePointer?
        guard unsafe nghttp2_session_callbacks_new(&madeCallbacks) == 0, unsafe nghttp2_option_new(&madeOptions) == 0,
            let callbacks = unsafe madeCallbacks, let options = unsafe madeOptions
        else { fatalError("out of memory: could not prepare HTTP/2") }
        unsafe self.callbacks = callbacks
        unsafe self.options = options
        unsafe install(callbacks)
        // Windows open when content was taken, not when it has come.
        unsafe nghttp2_option_set_no_auto_window_update(options, 1)
        unsafe nghttp2_option_set_max_outbound_ack(options, Self.mostAcknowledgements)
        // A response's head has bounds of its own.
        unsafe nghttp2_option_set_max_send_header_block_length(options, Self.longestHead)
        unsafe nghttp2_option_set_max_continuations(options, Self.mostContinuations)
        unsafe nghttp2_option_set_stream_reset_rate_limit(options, Self.resets.most, Self.resets.perSecond)
        // RFC 9218 §7.1.
        unsafe nghttp2_option_set_builtin_recv_extension_type(options, UInt8(NGHTTP2_PRIORITY_UPDATE.rawValue))
    }

    /// Tells nghttp2 how much of a message's content goes out next.
    /// - Parameters:
    ///   - next: how much there is, and whether it is the last.
    ///   - flags: what nghttp2 has lent for the rest of the answer.
    ///   - submitsTrailers: called at the end of the content: whether trailers follow it.
    /// - Returns: what the callback returns.
    package static func tell(
        _ next: (count: Int, isLast: Bool), _ flags: UnsafeMutablePointer<UInt32>, submitsTrailers: () -> Bool
    ) -> Int {
        if next.isLast {
            unsafe flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            if submitsTrailers() { unsafe flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue }
        } else if next.count == 0 {
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        if next.count > 0 { unsafe flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue }
        return next.count
    }

    deinit {
        unsafe nghttp2_session_callbacks_del(callbacks)
        unsafe nghttp2_option_del(options)
    }
}
