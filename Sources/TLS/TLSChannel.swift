// One TLS connection (RFC 8446, RFC 5246): OpenSSL over buffers of the worker's. Each call reads the socket at most once and
// writes it once per 64 KiB, however many records that is.

import COpenSSL
import EventLoop
import Glibc

/// A connection's TLS, as a server or as a client. It owns OpenSSL's object and, between two calls, ciphertext that was left over.
@safe
package final class TLSChannel: SecureChannel {
    private let buffers: RecordBytes
    private let session: OpaquePointer
    /// Keeps the context's callbacks and what they point to.
    private let context: AnyObject
    private let isServer: Bool
    /// What was read and not yet decrypted.
    private var kept: [UInt8] = []
    /// Encrypted, and not yet taken by the socket.
    private var unsent: [UInt8] = []
    private var unsentStart = 0
    /// Bytes that were offered and are encrypted, but not counted as written.
    private var uncounted = 0
    private var isEstablished = false
    private var hasEnded = false
    private var hasBegun = false
    /// What every further read comes to, once what is decrypted is taken, and whether the reader knows.
    private var end: ReceiveResult?
    private var hasToldEnd = false
    /// The socket takes nothing any more. What it has received is read all the same: a server may have responded before it closed.
    private var cannotSend = false

    /// Plaintext that is encrypted before the socket is asked whether it takes that.
    private static let piece = 64 << 10
    /// What a peer that doesn't read can make this side say, with requests for new keys for instance.
    private static let unsentLimit = 256 << 10

    // Made once, and changed by nobody: OpenSSL itself keeps its own the same way.
    private nonisolated(unsafe) static let method: OpaquePointer = {
        guard let method = unsafe larder_tls_method() else { fatalError("out of memory: no BIO method") }
        return unsafe method
    }()

    /// - Parameters:
    ///   - context: OpenSSL's; `owner` keeps it.
    ///   - prepare: sets up a client's session before the handshake.
    init?(
        _ context: OpaquePointer, owner: AnyObject, isServer: Bool, buffers: RecordBytes,
        prepare: (OpaquePointer) -> Bool = { _ in true }
    ) {
        guard let session = unsafe SSL_new(context) else { return nil }
        guard let bio = unsafe BIO_new(Self.method) else {
            unsafe SSL_free(session)
            return nil
        }
        unsafe BIO_set_data(bio, buffers.bytes)
        unsafe SSL_set_bio(session, bio, bio)
        guard unsafe prepare(session) else {
            unsafe SSL_free(session)
            return nil
        }
        if isServer { unsafe SSL_set_accept_state(session) } else { unsafe SSL_set_connect_state(session) }
        unsafe self.session = session
        self.context = owner
        self.isServer = isServer
        self.buffers = buffers
    }

    deinit { unsafe SSL_free(session) }

    // MARK: Handshake

    package override func handshake(on descriptor: Int32) -> HandshakeResult {
        if isEstablished { return .done }
        if let end { return .failed(Self.fault(of: end)) }
        let count = fill(from: descriptor)
        if isServer, !hasBegun {
            guard unsafe buffers.bytes.pointee.input_count > 0 else {
                guard let end else { return .wouldBlock }
                let fault = Self.fault(of: end)
                return .failed(fault.kind == .left ? HandshakeFault(.unused, fault.sentence) : fault)
            }
            let first = unsafe buffers.bytes.pointee.input[0]
            // A handshake's record begins with 22; a request begins with a letter.
            if first >= UInt8(ascii: "A") && first <= UInt8(ascii: "z") {
                keepInput()
                return .failed(HandshakeFault(.plainHTTP, "the client speaks plain HTTP"))
            }
        }
        hasBegun = true
        ERR_clear_error()
        let result = count < 0 ? -1 : unsafe SSL_do_handshake(session)
        let code = count < 0 ? SSL_ERROR_WANT_READ : unsafe SSL_get_error(session, result)
        if result != 1, code != SSL_ERROR_WANT_READ {
            let fault = unsafe OpenSSLError.handshakeFault(of: session)
            unsafe buffers.bytes.pointee.input_count = 0
            _ = transmit(on: descriptor)
            end = .failed(EPROTO)
            return .failed(fault)
        }
        keepInput()
        guard transmit(on: descriptor) else { return .failed(HandshakeFault(.left, "the connection broke")) }
        if result == 1 {
            isEstablished = true
            return .done
        }
        if let end { return .failed(Self.fault(of: end)) }
        return .wouldBlock
    }

    private static func fault(of end: ReceiveResult) -> HandshakeFault {
        if case .failed(let code) = end, code != ECONNRESET { return HandshakeFault(.broken, errorText(code)) }
        return HandshakeFault(.left, "the peer closed the connection during the handshake")
    }

    /// Whether the session is one from before (RFC 8446 §2.2).
    package var isResumed: Bool { unsafe SSL_session_reused(session) == 1 }

    package override var applicationProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(session, &name, &count)
        guard let name = unsafe name, count > 0 else { return nil }
        return unsafe String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
    }

    package override func give(received bytes: Span<UInt8>) { for index in bytes.indices { kept.append(bytes[index]) } }

    package override func takeReceived() -> [UInt8] {
        defer { kept = [] }
        return kept
    }

    // MARK: Reading

    package override var hasPending: Bool {
        guard isEstablished else { return false }
        if end != nil { return !hasToldEnd }
        return unsafe !kept.isEmpty || SSL_pending(session) > 0
    }

    package override func receive(on descriptor: Int32, into room: UnsafeMutableRawBufferPointer) -> ReceiveResult {
        guard isEstablished, let start = room.baseAddress else { return .failed(ENOTCONN) }
        if end == nil { prepareInput(from: descriptor) }
        var total = 0
        // What is decrypted already is there even if the connection has ended since.
        while total < room.count, !hasToldEnd {
            ERR_clear_error()
            let count = unsafe SSL_read(session, start + total, Int32(clamping: room.count - total))
            if count > 0 {
                total += Int(count)
                continue
            }
            noteRead(count)
            break
        }
        keepInput()
        if unsafe buffers.bytes.pointee.output_count > 0, !transmit(on: descriptor), !cannotSend {
            end = .failed(EPIPE)
        }
        if total > 0 { return .bytes(total) }
        return toldEnd()
    }

    package override func peek(on descriptor: Int32) -> ReceiveResult {
        guard isEstablished else { return .failed(ENOTCONN) }
        if end == nil { prepareInput(from: descriptor) }
        var byte: UInt8 = 0
        ERR_clear_error()
        let count = unsafe SSL_peek(session, &byte, 1)
        if count <= 0 { noteRead(count) }
        keepInput()
        if unsafe buffers.bytes.pointee.output_count > 0, !transmit(on: descriptor), !cannotSend {
            end = .failed(EPIPE)
        }
        return count > 0 ? .bytes(1) : (end ?? .wouldBlock)
    }

    /// Has OpenSSL read what is left over, or else what one read of the socket brings.
    private func prepareInput(from descriptor: Int32) {
        if kept.isEmpty, unsafe SSL_pending(session) > 0 {
            unsafe buffers.bytes.pointee.input_count = 0
        } else {
            _ = fill(from: descriptor)
        }
    }

    /// OpenSSL had no more to read.
    private func noteRead(_ count: Int32) {
        switch unsafe SSL_get_error(session, count) {
        case SSL_ERROR_WANT_READ: break
        case SSL_ERROR_ZERO_RETURN: end = .ended
        default:
            if ERR_peek_error() != 0 { lateFault = unsafe OpenSSLError.handshakeFault(of: session) }
            if end == nil { end = .failed(EPROTO) }
        }
    }

    private func toldEnd() -> ReceiveResult {
        guard let end else { return .wouldBlock }
        hasToldEnd = true
        return end
    }

    /// - Returns: bytes for OpenSSL; negative where the connection has ended, which `end` tells of.
    private func fill(from descriptor: Int32) -> Int {
        unsafe buffers.bytes.pointee.input = UnsafePointer(buffers.input.assumingMemoryBound(to: UInt8.self))
        if !kept.isEmpty {
            let count = min(kept.count, RecordBytes.inputCapacity)
            unsafe kept.withUnsafeBytes { unsafe buffers.input.copyMemory(from: $0.baseAddress!, byteCount: count) }
            if count == kept.count { kept.removeAll(keepingCapacity: false) } else { kept.removeFirst(count) }
            unsafe buffers.bytes.pointee.input_count = count
            return count
        }
        unsafe buffers.bytes.pointee.input_count = 0
        while true {
            let count = unsafe recv(descriptor, buffers.input, RecordBytes.inputCapacity, 0)
            if count > 0 {
                unsafe buffers.bytes.pointee.input_count = count
                return count
            }
            switch (count, errno) {
            case (0, _):
                // Without close_notify it may have been cut off by anybody (RFC 8446 §6.1).
                end = .failed(ECONNRESET)
                return -1
            case (_, EINTR): continue
            case (_, EAGAIN): return 0
            case (_, let code):
                end = .failed(code)
                return -1
            }
        }
    }

    /// What OpenSSL hasn't read is the next call's.
    private func keepInput() {
        let count = unsafe buffers.bytes.pointee.input_count
        guard count > 0 else { return }
        let rest = unsafe UnsafeBufferPointer(start: buffers.bytes.pointee.input, count: count)
        kept.insert(contentsOf: unsafe Array(rest), at: 0)
        unsafe buffers.bytes.pointee.input_count = 0
    }

    // MARK: Writing

    package override var hasUnsent: Bool { unsentStart < unsent.count }
    package override var unsentCount: Int { unsent.count - unsentStart }

    package override func send(
        on descriptor: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer,
        _ third: UnsafeRawBufferPointer
    ) -> SendResult {
        guard isEstablished, !hasEnded, !cannotSend else { return .failed(EPIPE) }
        let pieces = unsafe (first, second, third)
        let offered = first.count + second.count + third.count
        if hasUnsent {
            flush(on: descriptor)
            if cannotSend { return .failed(EPIPE) }
            if let end, end != .ended { return .failed(EPIPE) }
            if hasUnsent { return .wrote(countTaken()) }
        }
        // What is encrypted already has gone.
        var done = min(uncounted, offered)
        uncounted -= done
        while done < offered {
            let count = min(offered - done, Self.piece)
            guard unsafe encrypt(pieces, from: done, count) else {
                unsafe buffers.bytes.pointee.output_count = 0
                end = .failed(EPROTO)
                return .failed(EPROTO)
            }
            guard transmit(on: descriptor) else { return .failed(EPIPE) }
            done += count
            if hasUnsent {
                uncounted = count
                let taken = countTaken()
                return .wrote(done - count + taken)
            }
        }
        return .wrote(done)
    }

    /// Of the bytes that aren't counted yet, those that count as written by now: as many as the rest of what was made of them
    /// leaves, so that slow progress shows as progress.
    private func countTaken() -> Int {
        let left = min(uncounted, max(unsentCount, 1))
        defer { uncounted = left }
        return uncounted - left
    }

    /// Encrypts `count` bytes from that position of the three pieces on.
    private func encrypt(
        _ pieces: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer), from start: Int,
        _ count: Int
    ) -> Bool {
        var position = start
        let stop = start + count
        ERR_clear_error()
        while position < stop {
            let (piece, offset) = unsafe Self.locate(position, in: pieces)
            let here = min(piece.count - offset, stop - position)
            if here >= RecordBytes.record || here == stop - position {
                // Whole records from where they lie; what begins the next one may be followed by another piece.
                let whole = here == stop - position ? here : here / RecordBytes.record * RecordBytes.record
                guard unsafe write(piece.baseAddress! + offset, whole) else { return false }
                position += whole
                continue
            }
            // Small pieces go in one record together.
            var gathered = 0
            while gathered < RecordBytes.record, position < stop {
                let (piece, offset) = unsafe Self.locate(position, in: pieces)
                let part = min(piece.count - offset, stop - position, RecordBytes.record - gathered)
                unsafe (buffers.staging + gathered).copyMemory(from: piece.baseAddress! + offset, byteCount: part)
                gathered += part
                position += part
            }
            guard unsafe write(buffers.staging, gathered) else { return false }
        }
        return true
    }

    private func write(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
        unsafe SSL_write(session, bytes, Int32(count)) == Int32(count)
    }

    /// Sends what OpenSSL has written, behind what waits.
    /// - Returns: false if the connection is broken.
    private func transmit(on descriptor: Int32) -> Bool {
        let count = unsafe buffers.bytes.pointee.output_count
        guard count > 0, let output = unsafe buffers.bytes.pointee.output else { return true }
        unsafe buffers.bytes.pointee.output_count = 0
        if cannotSend { return false }
        var sent = 0
        if !hasUnsent {
            sent = unsafe push(output, count, on: descriptor)
            if sent < 0 {
                cannotSend = true
                return false
            }
        }
        if sent < count {
            unsafe unsent.append(contentsOf: UnsafeBufferPointer(start: output + sent, count: count - sent))
        }
        return unsentCount <= Self.unsentLimit
    }

    package override func flush(on descriptor: Int32) {
        guard hasUnsent else { return }
        let sent = unsafe unsent.withUnsafeBufferPointer {
            unsafe push($0.baseAddress! + unsentStart, $0.count - unsentStart, on: descriptor)
        }
        if sent < 0 {
            unsentStart = unsent.count
            cannotSend = true
        } else {
            unsentStart += sent
        }
        // A peer that never takes everything must not make it grow.
        if unsentStart >= Self.piece, unsentStart < unsent.count {
            unsent.removeFirst(unsentStart)
            unsentStart = 0
        }
        if unsentStart == unsent.count {
            unsent = []
            unsentStart = 0
        }
    }

    /// - Returns: bytes taken; negative if the connection is broken.
    private func push(_ bytes: UnsafePointer<UInt8>, _ count: Int, on descriptor: Int32) -> Int {
        while true {
            let sent = unsafe Glibc.send(descriptor, bytes, count, Int32(MSG_NOSIGNAL))
            if sent >= 0 { return sent }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS: return 0
            default: return -1
            }
        }
    }

    // MARK: End

    package override func end(on descriptor: Int32) {
        guard isEstablished, !hasEnded else { return }
        hasEnded = true
        if let end, end != .ended { return }
        ERR_clear_error()
        // 0 or 1: whether the peer has said so too doesn't matter.
        guard unsafe SSL_shutdown(session) >= 0 else { return ERR_clear_error() }
        _ = transmit(on: descriptor)
    }

    package override func rest() {
        if kept.isEmpty { kept = [] }
        unsafe SSL_free_buffers(session)
    }
}
