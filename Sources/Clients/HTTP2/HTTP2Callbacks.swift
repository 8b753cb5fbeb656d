// What nghttp2 calls: each finds the session's connection, or the stream that a frame is about, and says what has come.
//
// Safety: the user data of a session is the HTTP2Connection that owns it, and calls come only while that object is in a call of its
// own. The user data of a stream is the HTTP2Stream that its connection holds, or nil once that is over (`HTTP2Session.forget`).
// The closures capture nothing, and are formed here, in a type that belongs to no actor.

import Bytes
import CNghttp2
import HTTP2Wire

/// What all connections of a worker share.
final class SharedHTTP2: SharedConnectionState {
    let library = unsafe HTTP2Library(readContent: HTTP2Callbacks.readContent) { callbacks in
        unsafe HTTP2Callbacks.install(in: callbacks)
    }
}

@safe
enum HTTP2Callbacks {
    static func install(in callbacks: OpaquePointer) {
        unsafe installReceiving(in: callbacks)
        unsafe installSending(in: callbacks)
    }

    // MARK: Receiving

    private static func installReceiving(in callbacks: OpaquePointer) {
        unsafe nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, data in
            guard let header = unsafe header else { return 0 }
            let frame = unsafe ReceivedFrame(
                kind: header.pointee.type, flags: header.pointee.flags, length: header.pointee.length,
                stream: header.pointee.stream_id)
            return unsafe withOwner(of: data) { connection in
                if frame.changesSettings { connection.noteWindows() }
                return connection.takes(frame)
            } ? 0 : stopsReading
        }
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { session, frame, data in
            guard let frame = unsafe frame else { return 0 }
            let identifier = unsafe frame.pointee.hd.stream_id
            let isRequest = unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
            unsafe withOwner(of: data) { connection in
                connection.decodedSize.begin()
                // Its fields are read all the same, for those of later streams refer to them, and nobody gets them.
                guard isRequest, let stream = connection.open(identifier) else { return }
                _ = unsafe nghttp2_session_set_stream_user_data(
                    session, identifier, Unmanaged.passUnretained(stream).toOpaque())
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            session, frame, name, nameCount, value, valueCount, _, data in
            guard unsafe withOwner(of: data, { $0.takesField(nameCount + valueCount) }) else { return stopsReading }
            guard let frame = unsafe frame, let name = unsafe name, let value = unsafe value,
                let stream = unsafe nghttp2_session_get_stream_user_data(session, frame.pointee.hd.stream_id)
            else { return 0 }
            let isTrailer = unsafe frame.pointee.headers.cat != NGHTTP2_HCAT_REQUEST
            let isTaken = unsafe Unmanaged<HTTP2Stream>.fromOpaque(stream)._withUnsafeGuaranteedRef { stream in
                unsafe stream.received(
                    Span(_unsafeStart: name, count: nameCount), Span(_unsafeStart: value, count: valueCount),
                    isTrailer: isTrailer)
            }
            return isTaken ? 0 : refusesStream
        }
        // RFC 9113 §8.2.1: a field that isn't valid makes the message malformed.
        unsafe nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks) { _, _, _, _, _, _, _, _ in
            refusesStream
        }
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { session, frame, data in
            guard let frame = unsafe frame else { return 0 }
            let identifier = unsafe frame.pointee.hd.stream_id
            let kind = unsafe frameKind(frame)
            if kind == NGHTTP2_SETTINGS.rawValue {
                return unsafe withOwner(of: data) { $0.takesSettings() } ? 0 : stopsReading
            }
            guard kind == NGHTTP2_HEADERS.rawValue || kind == NGHTTP2_DATA.rawValue else { return 0 }
            // Nothing but padding is no content either.
            if kind == NGHTTP2_DATA.rawValue, unsafe frame.pointee.data.padlen > 0,
                unsafe frame.pointee.hd.length <= frame.pointee.data.padlen, unsafe !endsStream(frame),
                unsafe !withOwner(of: data, { $0.spend(.control) })
            {
                return stopsReading
            }
            let isRequest =
                unsafe kind == NGHTTP2_HEADERS.rawValue && frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
            let isLast = unsafe endsStream(frame)
            unsafe withKnown(session, identifier) { stream in
                unsafe withOwner(of: data) { connection in
                    if isRequest { stream.headReceived(hasContent: !isLast, on: connection) }
                    if isLast { stream.inputEnded(on: connection) }
                }
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            session, _, identifier, bytes, count, data in
            // The connection's window is for all streams, and none holds it back.
            _ = unsafe nghttp2_session_consume_connection(session, count)
            guard let bytes = unsafe bytes else { return 0 }
            let isKnown = unsafe withKnown(session, identifier) {
                unsafe $0.received(content: Span(_unsafeStart: bytes, count: count))
                return true
            }
            if isKnown == nil { unsafe withOwner(of: data) { $0.passOver(count, of: identifier) } }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, frame, error, data in
            let identifier = unsafe frame?.pointee.hd.stream_id ?? 0
            unsafe withOwner(of: data) {
                $0.receivedInvalidFrame(on: identifier, isRefusal: error == NGHTTP2_ERR_REFUSED_STREAM.rawValue)
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { session, identifier, _, data in
            let isKnown = unsafe withKnown(session, identifier) { stream in
                stream.closed()
                return true
            }
            if isKnown == nil { unsafe withOwner(of: data) { $0.unfinished.remove(identifier) } }
            return 0
        }
    }

    // MARK: Sending

    private static func installSending(in callbacks: OpaquePointer) {
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { session, frame, data in
            guard let frame = unsafe frame else { return 0 }
            let identifier = unsafe frame.pointee.hd.stream_id
            let kind = unsafe frameKind(frame)
            if kind == NGHTTP2_RST_STREAM.rawValue {
                let error = unsafe frame.pointee.rst_stream.error_code
                let isKnown = unsafe nghttp2_session_get_stream_user_data(session, identifier) != nil
                unsafe withOwner(of: data) { $0.sentReset(identifier, isFault: error != 0 && isKnown) }
            } else if kind == NGHTTP2_DATA.rawValue || kind == NGHTTP2_HEADERS.rawValue, unsafe endsStream(frame) {
                unsafe withKnown(session, identifier) { stream in
                    unsafe withOwner(of: data) { stream.sentAll(on: $0) }
                }
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_send_data_callback(callbacks) { session, frame, header, count, _, data in
            guard let frame = unsafe frame, let header = unsafe header else { return stopsReading }
            let isTaken = unsafe withKnown(session, frame.pointee.hd.stream_id) { stream in
                unsafe withOwner(of: data) {
                    unsafe $0.write(content: count, of: stream, behind: Span(_unsafeStart: header, count: 9))
                }
            }
            guard let isTaken else { return refusesStream }
            return isTaken ? 0 : NGHTTP2_ERR_WOULDBLOCK.rawValue
        }
    }

    /// How much of a response's content there is, and whether it is the last.
    static let readContent: nghttp2_data_source_read_callback = { session, identifier, _, limit, flags, _, _ in
        guard let flags = unsafe flags else { return Int(refusesStream) }
        let count = unsafe withKnown(session, identifier) { stream in
            unsafe HTTP2Library.tell(stream.nextContent(atMost: limit), flags) { stream.submitTrailers() }
        }
        return count ?? Int(refusesStream)
    }
}

// Free functions, because a closure that C is to call can't refer to the type around it.

// They lend references that nobody counts: a dozen calls come for each request, and counting took a tenth of its time. The
// connection is in a call of its own, and holds the stream in its list: what callbacks note lets go of streams afterwards.

@inline(__always)
private func withOwner<Result>(of data: UnsafeMutableRawPointer?, _ body: (HTTP2Connection) -> Result) -> Result {
    unsafe Unmanaged<HTTP2Connection>.fromOpaque(data!)._withUnsafeGuaranteedRef { body($0) }
}

/// Nil where nobody waits for what comes on the stream.
@inline(__always) @discardableResult
private func withKnown<Result>(
    _ session: OpaquePointer?, _ identifier: Int32, _ body: (HTTP2Stream) -> Result
) -> Result? {
    guard let data = unsafe nghttp2_session_get_stream_user_data(session, identifier) else { return nil }
    return unsafe Unmanaged<HTTP2Stream>.fromOpaque(data)._withUnsafeGuaranteedRef { body($0) }
}

private func frameKind(_ frame: UnsafePointer<nghttp2_frame>) -> UInt32 { unsafe UInt32(frame.pointee.hd.type) }

private func endsStream(_ frame: UnsafePointer<nghttp2_frame>) -> Bool {
    unsafe frame.pointee.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
}

/// Reading stops: the connection has said why.
private var stopsReading: Int32 { NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
/// The stream is at fault.
private var refusesStream: Int32 { NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue }
