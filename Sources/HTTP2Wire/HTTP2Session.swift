// nghttp2's session of one connection: frames, HPACK, flow control, and the order of what is sent (RFC 9113, RFC 7541, RFC 9218).
// It reads no socket and calls no handler: the callbacks of its library's user do, and what is to be sent is asked for.
//
// Safety: `session` is owned by this object and freed in `deinit`; it is told of its connection, which owns this object, as its
// user data, and calls back only within calls that this object makes. It points to streams as long as their connection holds them:
// whoever lets go of a stream calls `forget` first. Memory that a callback lends is read within that callback.

import Bytes
import CNghttp2
import EventLoop

/// RFC 9113 §7, those that Larder itself says.
package enum HTTP2Error: UInt32 {
    case none = 0
    case protocolError = 1
    case internalError = 2
    case flowControlError = 3
    case settingsTimeout = 4
    case streamClosed = 5
    case refusedStream = 7
    case cancel = 8
    case enhanceYourCalm = 11
}

@safe
package final class HTTP2Session {
    private let session: OpaquePointer
    /// The peer was told to go, and why; nothing more is read.
    package private(set) var isTerminated = false
    /// How many streams the client is told that it may have, as long as it isn't told yet.
    private var streamsToTell: Int?

    /// Which end of a connection it is.
    package enum Role { case server, client }

    /// Nil where there is no memory for it. ``attach(to:)`` follows before anything else.
    package init?(_ role: Role, _ library: HTTP2Library) {
        var made: OpaquePointer?
        let result =
            switch role {
            case .server: unsafe nghttp2_session_server_new2(&made, library.callbacks, nil, library.options)
            case .client: unsafe nghttp2_session_client_new2(&made, library.callbacks, nil, library.options)
            }
        guard result == 0, let made = unsafe made else { return nil }
        unsafe session = made
    }

    /// - Parameter connection: owns this object; what the callbacks are given as their user data.
    package func attach(to connection: AnyObject) {
        unsafe nghttp2_session_set_user_data(session, Unmanaged.passUnretained(connection).toOpaque())
    }

    deinit { unsafe nghttp2_session_del(session) }

    // MARK: The connection

    /// The server's part of the preface (RFC 9113 §3.4).
    /// - Parameter window: bytes that all streams together may be sent before some are taken.
    package func begin(streams: Int, headerList: Int, streamWindow: Int, window: Int) {
        // nghttp2 ends the connection of a client that opens more than it has acknowledged, where RFC 9113 §5.1.2 has the stream
        // refused. So it is told of twice as many, and the frame that goes out says the limit: see `tellLimit`.
        streamsToTell = streams
        var settings = [
            entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2 * streams),
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, streamWindow),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, headerList),
            entry(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1),
            entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        _ = unsafe nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), &settings, settings.count)
        _ = unsafe nghttp2_session_set_local_window_size(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, Int32(window))
    }

    /// The client's preface (RFC 9113 §3.4): it takes no pushed responses.
    /// - Parameter window: bytes that all streams together may be sent before some are taken.
    package func beginClient(headerList: Int, streamWindow: Int, window: Int) {
        var settings = [
            entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0),
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, streamWindow),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, headerList),
            entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        _ = unsafe nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), &settings, settings.count)
        _ = unsafe nghttp2_session_set_local_window_size(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, Int32(window))
    }

    /// Asks the peer for a sign of life (RFC 9113 §6.7).
    package func ping() { _ = unsafe nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil) }

    /// How many streams the peer takes at once (RFC 9113 §6.5.2).
    package var remoteStreams: Int {
        Int(unsafe nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
    }

    private func entry(_ setting: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
        nghttp2_settings_entry(settings_id: Int32(setting.rawValue), value: UInt32(clamping: value))
    }

    /// Takes bytes from the peer; false if the connection is of no further use.
    package func receive(_ bytes: Span<UInt8>) -> Bool {
        guard !isTerminated else { return true }
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return true }
            let count = unsafe nghttp2_session_mem_recv(session, start, buffer.count)
            // Whoever broke off the reading has said why.
            return count >= 0 || isTerminated
        }
    }

    /// Appends frames to `output` until it holds so many bytes, or there is nothing to send.
    /// - Returns: false if the connection is of no further use.
    func write(to library: HTTP2Library, limit: Int) -> Bool {
        while library.output.count < limit {
            var bytes: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(session, &bytes)
            if count < 0 { return false }
            guard count > 0, let start = unsafe bytes else { return true }
            // Valid until the next call.
            let frame = unsafe Span(_unsafeStart: start, count: count)
            if let streams = streamsToTell {
                tellLimit(streams, in: frame, to: library)
            } else {
                library.output.append(frame)
            }
        }
        return true
    }

    /// What an attempt to send has come to.
    package enum Sending {
        /// There is nothing to send.
        case nothing
        /// The socket has taken these bytes, and may take more.
        case all(Int)
        /// It has taken no more than these.
        case some(Int)
        /// The connection is of no further use.
        case failed
    }

    /// Sends frames, as many as fit one write.
    /// - Parameters:
    ///   - limit: bytes beyond which no frame is begun.
    ///   - rest: what the socket doesn't take is appended to it.
    package func send(
        over socket: Socket, by library: HTTP2Library, limit: Int, rest: inout UnsentFrames
    ) -> Sending {
        // A constant of its own, so that spans of what it has can be passed on.
        let library = library
        library.output.removeAll()
        guard write(to: library, limit: limit) else { return .failed }
        let count = library.output.count
        guard count > 0 else { return .nothing }
        guard case .wrote(let taken) = socket.send(library.output.span) else { return .failed }
        guard taken < count else { return .all(count) }
        rest.append(library.output.span, from: taken)
        return .some(taken)
    }

    /// Appends the first frame, which is that of the settings (RFC 9113 §6.5.1), with the limit in it; it stands first.
    private func tellLimit(_ streams: Int, in frame: Span<UInt8>, to library: HTTP2Library) {
        let limit = 11
        precondition(frame[3] == ReceivedFrame.Kind.settings && frame[10] == 3, "the limit of streams stands first")
        streamsToTell = nil
        library.output.append(frame.extracting(..<limit))
        let value = UInt32(clamping: streams)
        for shift in [24, 16, 8, 0] { library.output.append(UInt8(truncatingIfNeeded: value >> shift)) }
        library.output.append(frame.extracting((limit + 4)...))
    }

    package var wantsToRead: Bool { unsafe nghttp2_session_want_read(session) != 0 }
    package var wantsToWrite: Bool { unsafe nghttp2_session_want_write(session) != 0 }

    /// RFC 9113 §6.8: first a warning, that streams which are on their way still get responses.
    package func announceShutdown() { _ = unsafe nghttp2_submit_shutdown_notice(session) }

    /// Then which streams were the last.
    package func shutDown() {
        let last = unsafe nghttp2_session_get_last_proc_stream_id(session)
        _ = unsafe nghttp2_submit_goaway(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, 0, nil, 0)
    }

    /// The connection ends with everything on it.
    package func terminate(_ error: HTTP2Error) {
        guard !isTerminated else { return }
        isTerminated = true
        _ = unsafe nghttp2_session_terminate_session(session, error.rawValue)
    }

    // MARK: Streams

    package func hasStream(_ stream: Int32) -> Bool { unsafe nghttp2_session_find_stream(session, stream) != nil }

    /// How much may be sent on a stream (RFC 9113 §6.9.1); -1 where there is none.
    package func sendWindow(of stream: Int32) -> Int {
        Int(unsafe nghttp2_session_get_stream_remote_window_size(session, stream))
    }

    /// With how much each stream begins (RFC 9113 §6.9.2).
    package var initialSendWindow: Int {
        Int(unsafe nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE))
    }

    /// RFC 9113 §6.9.1.
    package static let largestWindow = Int(Int32.max)

    /// Before a stream is used for another request.
    package func forget(_ stream: Int32) { _ = unsafe nghttp2_session_set_stream_user_data(session, stream, nil) }

    package func reset(_ stream: Int32, _ error: HTTP2Error) {
        _ = unsafe nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, error.rawValue)
    }

    /// Content of a stream was taken, so that as much may follow.
    package func consume(_ count: Int, of stream: Int32) {
        _ = unsafe nghttp2_session_consume_stream(session, stream, count)
    }

    /// More of a response is there than there was.
    package func resume(_ stream: Int32) { _ = unsafe nghttp2_session_resume_data(session, stream) }

    /// A response's head, as neutral lines.
    /// - Parameter hasContent: its content will be asked for.
    package func respond(
        on stream: Int32, _ library: HTTP2Library, _ lines: Span<UInt8>, hasContent: Bool, status: FieldPairs.StatusForm
    ) {
        unsafe library.fields.withResponse(lines, status) { pairs, count in
            guard hasContent else {
                _ = unsafe nghttp2_submit_response(session, stream, pairs, count, nil)
                return
            }
            var provider = unsafe nghttp2_data_provider(
                source: nghttp2_data_source(), read_callback: library.readContent)
            _ = unsafe nghttp2_submit_response(session, stream, pairs, count, &provider)
        }
    }

    /// A request, as lines of HTTP/1.
    /// - Parameters:
    ///   - hasContent: its content will be asked for.
    ///   - stream: what the callbacks are given with what comes on the stream, until ``forget(_:)``.
    /// - Returns: the stream's identifier; nil where the connection takes no more, or the lines are no request.
    package func request(
        _ library: HTTP2Library, _ lines: Span<UInt8>, isHTTPS: Bool, hasContent: Bool, stream: AnyObject
    ) -> Int32? {
        var identifier: Int32 = -1
        unsafe library.fields.withRequest(lines, isHTTPS: isHTTPS) { pairs, count in
            let data = unsafe Unmanaged.passUnretained(stream).toOpaque()
            guard hasContent else {
                identifier = unsafe nghttp2_submit_request(session, nil, pairs, count, nil, data)
                return
            }
            var provider = unsafe nghttp2_data_provider(
                source: nghttp2_data_source(), read_callback: library.readContent)
            identifier = unsafe nghttp2_submit_request(session, nil, pairs, count, &provider, data)
        }
        return identifier > 0 ? identifier : nil
    }

    /// An interim response (RFC 9113 §8.1).
    package func interim(on stream: Int32, _ library: HTTP2Library, _ lines: Span<UInt8>) {
        unsafe library.fields.withResponse(lines) { pairs, count in
            _ = unsafe nghttp2_submit_headers(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, nil, pairs, count, nil)
        }
    }

    /// The fields behind a message's content.
    package func trailers(on stream: Int32, _ library: HTTP2Library, _ lines: Span<UInt8>) {
        unsafe library.fields.withTrailers(lines) { pairs, count in
            _ = unsafe nghttp2_submit_trailer(session, stream, pairs, count)
        }
    }
}
