// What nghttp2 calls for connections to upstreams: each finds the session's connection, or the stream that a frame is about, and says
// what has come.
//
// Safety: the user data of a session is the MultiplexedConnection that owns it, and calls come only while that object is in a call of
// its own. The user data of a stream is the OriginStream that its connection holds, or nil once that is over (`HTTP2Session.forget`).
// The closures capture nothing, and are formed here, in a type that belongs to no actor.

import Bytes
import CNghttp2
import HTTP2Wire

@safe
enum StreamCallbacks {
    /// What all connections of a worker share.
    static func makeLibrary() -> HTTP2Library {
        unsafe HTTP2Library(readContent: readContent) { callbacks in
            unsafe installReceiving(in: callbacks)
            unsafe installSending(in: callbacks)
        }
    }

    // MARK: Receiving

    private static func installReceiving(in callbacks: OpaquePointer) {
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { session, frame, _ in
            guard let frame = unsafe frame else { return 0 }
            unsafe known(session, frame.pointee.hd.stream_id)?.sectionBegan()
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            session, frame, name, nameCount, value, valueCount, _, data in
            guard let frame = unsafe frame, let name = unsafe name, let value = unsafe value,
                let stream = unsafe known(session, frame.pointee.hd.stream_id)
            else { return 0 }
            let limits = unsafe owner(of: data).headLimits
            let isTaken = unsafe stream.received(
                Span(_unsafeStart: name, count: nameCount), Span(_unsafeStart: value, count: valueCount),
                isTrailer: stream.hasHead, limits: limits)
            return isTaken ? 0 : refusesStream
        }
        // RFC 9113 §8.2.1: a field that isn't valid makes the message malformed.
        unsafe nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks) { _, _, _, _, _, _, _, _ in
            refusesStream
        }
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { session, frame, data in
            guard let frame = unsafe frame else { return 0 }
            switch unsafe UInt32(frame.pointee.hd.type) {
            case NGHTTP2_HEADERS.rawValue:
                guard let stream = unsafe known(session, frame.pointee.hd.stream_id) else { return 0 }
                if !stream.hasHead {
                    stream.headReceived(endsStream: unsafe endsStream(frame))
                    if stream.hasHead { unsafe owner(of: data).responded() }
                }
                if unsafe endsStream(frame) { stream.inputEnded() }
            case NGHTTP2_DATA.rawValue:
                if unsafe endsStream(frame) { unsafe known(session, frame.pointee.hd.stream_id)?.inputEnded() }
            case NGHTTP2_SETTINGS.rawValue:
                if unsafe frame.pointee.hd.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 {
                    unsafe owner(of: data).settingsAcknowledged()
                } else {
                    unsafe owner(of: data).receivedSettings()
                }
            case NGHTTP2_GOAWAY.rawValue: unsafe owner(of: data).receivedGoAway()
            default: break
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            session, _, identifier, bytes, count, _ in
            // The connection's window is for all streams, and none holds it back.
            _ = unsafe nghttp2_session_consume_connection(session, count)
            guard let bytes = unsafe bytes, let stream = unsafe known(session, identifier) else { return 0 }
            unsafe stream.received(content: Span(_unsafeStart: bytes, count: count))
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { session, frame, _, data in
            unsafe owner(of: data).receivedInvalidFrame()
            if let frame = unsafe frame {
                unsafe known(session, frame.pointee.hd.stream_id)?.malformed(.malformedStream)
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { session, identifier, error, _ in
            unsafe known(session, identifier)?
                .closed(error == NGHTTP2_REFUSED_STREAM.rawValue ? .refused : .other)
            return 0
        }
    }

    // MARK: Sending

    private static func installSending(in callbacks: OpaquePointer) {
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { session, frame, _ in
            guard let frame = unsafe frame else { return 0 }
            switch unsafe UInt32(frame.pointee.hd.type) {
            case NGHTTP2_HEADERS.rawValue: unsafe known(session, frame.pointee.hd.stream_id)?.headSent()
            // Those of streams that are still known are nghttp2's own: what came on them broke a rule.
            case NGHTTP2_RST_STREAM.rawValue:
                unsafe known(session, frame.pointee.hd.stream_id)?.malformed(.malformedStream)
            default: break
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, _, data in
            guard let frame = unsafe frame, unsafe frame.pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue) else {
                return 0
            }
            unsafe owner(of: data).notSent(frame.pointee.hd.stream_id)
            return 0
        }
        unsafe nghttp2_session_callbacks_set_send_data_callback(callbacks) { session, frame, header, count, _, data in
            guard let frame = unsafe frame, let header = unsafe header else {
                return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
            }
            guard let stream = unsafe known(session, frame.pointee.hd.stream_id) else { return refusesStream }
            let isTaken = unsafe owner(of: data).write(
                content: count, of: stream, behind: Span(_unsafeStart: header, count: 9))
            return isTaken ? 0 : NGHTTP2_ERR_WOULDBLOCK.rawValue
        }
    }

    /// How much of a request's content there is, and whether it is the last.
    private static let readContent: nghttp2_data_source_read_callback = {
        session, identifier, _, limit, flags, _, data in
        guard let flags = unsafe flags, let stream = unsafe known(session, identifier) else {
            return Int(refusesStream)
        }
        return unsafe HTTP2Library.tell(stream.nextContent(atMost: limit), flags) {
            unsafe owner(of: data).sendTrailers(of: stream)
        }
    }
}

// Free functions, because a closure that C is to call can't refer to the type around it.

private func owner(of data: UnsafeMutableRawPointer?) -> MultiplexedConnection {
    unsafe Unmanaged<MultiplexedConnection>.fromOpaque(data!).takeUnretainedValue()
}

private func known(_ session: OpaquePointer?, _ identifier: Int32) -> OriginStream? {
    guard let data = unsafe nghttp2_session_get_stream_user_data(session, identifier) else { return nil }
    return unsafe Unmanaged<OriginStream>.fromOpaque(data).takeUnretainedValue()
}

private func endsStream(_ frame: UnsafePointer<nghttp2_frame>) -> Bool {
    unsafe frame.pointee.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
}

/// The stream is at fault.
private var refusesStream: Int32 { NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue }
