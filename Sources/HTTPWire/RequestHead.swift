// A request's head (RFC 9112 §3, §5, §6, §9): parsed once, strictly, into offsets. It owns no bytes: to read a value,
// pass the same bytes again. It never forwards, routes or decides about caching.

import Bytes
import HTTPSemantics

/// A parsed request head, reused for every request of a connection.
///
/// Pass `parse` the bytes from the start of the message. Until it returns true, only another call of `parse` is
/// meaningful.
///
/// Its properties are inlinable: without that, each use in another module copies the whole head to the stack for the call.
@usableFromInline
package struct RequestHead: ~Copyable {
    private enum Stage {
        case beforeRequestLine
        case requestLine
        case fieldLines
        /// Complete or rejected: the next `parse` begins a new message.
        case over
    }

    private var stage = Stage.over
    private var scanner = LineScanner()
    @usableFromInline var section = FieldSection()
    @usableFromInline var parts = RequestTarget()
    private var hostLine: ByteRange?

    @usableFromInline package internal(set) var method = Method.other
    package private(set) var methodRange = ByteRange.empty
    package private(set) var target = ByteRange.empty
    /// 0 or 1; later minor versions of HTTP/1 count as 1.
    @usableFromInline package internal(set) var minorVersion: UInt8 = 1
    /// 1, or 2 once ``becomeHTTP2(hasContent:)`` has said so.
    @usableFromInline package internal(set) var majorVersion: UInt8 = 1
    @usableFromInline package internal(set) var framing = BodyFraming.none
    /// Expect: 100-continue, from a client that waits for it before it sends content (RFC 9110 §10.1.1).
    @usableFromInline package internal(set) var expectsContinue = false
    /// Bytes of the head, its empty line included.
    @usableFromInline package internal(set) var length = 0

    /// After a `parse` that needs more bytes: how many of those there are precede the request line, if that hasn't begun.
    package var emptyLinesLength: Int? { stage == .beforeRequestLine ? scanner.lineStart : nil }

    /// Allocates nothing before the first parse.
    package init() {}

    @inlinable package var targetForm: TargetForm { parts.form }
    /// Empty unless the target is in absolute-form.
    package var scheme: ByteRange { parts.scheme }
    /// Of the target in absolute- or authority-form, otherwise Host. Empty only for HTTP/1.0 without a Host.
    @inlinable package var authority: ByteRange { parts.authority }
    /// Empty for authority-form and for an absolute-form without a path; `*` for asterisk-form.
    @inlinable package var path: ByteRange { parts.path }
    /// Without the question mark.
    @inlinable package var query: ByteRange { parts.query }
    /// Distinguishes `/a?` from `/a`.
    @inlinable package var hasQuery: Bool { parts.hasQuery }

    @inlinable package var fields: [FieldLine] { section.lines }
    @inlinable package var present: FieldSet { section.present }
    @inlinable package var connection: ConnectionOptions { section.connection }

    @inlinable package func contains(_ name: FieldName) -> Bool { section.present.contains(name) }
    /// The value of the first line of that name.
    package func first(_ name: FieldName) -> ByteRange? { section.first(name) }

    /// Whether Connection names this field, which makes it hop-by-hop (RFC 9110 §7.6.1).
    package func isNamedByConnection(_ field: FieldLine, in bytes: Span<UInt8>) -> Bool {
        section.isNamedByConnection(field, in: bytes)
    }

    /// Whether the connection may carry another request after this one (RFC 9112 §9.3).
    @inlinable package var keepsAlive: Bool {
        if connection.hasClose { return false }
        return minorVersion >= 1 || connection.hasKeepAlive
    }

    /// Whether the client asks to leave HTTP/1.1 (RFC 9110 §7.8). HTTP/1.0 has no Upgrade.
    @inlinable package var wantsUpgrade: Bool { minorVersion >= 1 && connection.hasUpgrade && contains(.upgrade) }

    /// Max-Forwards (RFC 9110 §7.6.2), or nil if there is none or it isn't a number.
    package func maxForwards(in bytes: Span<UInt8>) -> UInt64? {
        first(.maxForwards).flatMap { Decimal.value(bytes.extracting($0)) }
    }

    /// Resets the head and frees its memory, as for a connection that becomes idle.
    package mutating func release() {
        reset()
        section.release()
    }

    /// Resets the head and keeps its memory.
    package mutating func reset() {
        stage = .beforeRequestLine
        scanner = LineScanner()
        section.removeAll()
        parts = RequestTarget()
        hostLine = nil
        method = .other
        methodRange = .empty
        target = .empty
        minorVersion = 1
        majorVersion = 1
        framing = .none
        expectsContinue = false
        length = 0
    }

    /// The head, which was parsed, stands for an HTTP/2 header section (RFC 9113 §8.3): what ends its content is the stream.
    /// - Parameter hasContent: the stream doesn't end with its header section.
    package mutating func becomeHTTP2(hasContent: Bool) {
        majorVersion = 2
        guard hasContent, framing == .none else { return }
        framing = .chunked
        expectsContinue = contains(.expect)
    }

    /// The version in which the head was received, as Via has it (RFC 9110 §7.6.3).
    var versionInVia: StaticString { majorVersion == 2 ? "2.0 " : minorVersion == 0 ? "1.0 " : "1.1 " }

    /// Reads the head at the beginning of `bytes`.
    ///
    /// - Returns: true once the head is complete, its size in `length`; false if more bytes are needed. In that case,
    ///   call again with the same bytes and those that followed; parsing resumes where it stopped.
    /// - Throws: why the request is rejected. Close the connection after the error response, since where the next
    ///   request begins is unknown.
    package mutating func parse(_ bytes: Span<UInt8>, limits: HeadLimits) throws(WireError) -> Bool {
        if stage == .over { reset() }
        do throws(WireError) {
            let isComplete = try parseLines(bytes, limits: limits)
            if isComplete { stage = .over }
            return isComplete
        } catch {
            stage = .over
            throw error
        }
    }

    private mutating func parseLines(_ bytes: Span<UInt8>, limits: HeadLimits) throws(WireError) -> Bool {
        if stage == .beforeRequestLine {
            guard try skipEmptyLines(bytes, limit: limits.head) else { return false }
            stage = .requestLine
        }
        if stage == .requestLine {
            let limit = scanner.lineStart &+ limits.startLine &+ 2
            guard let line = try scanner.next(in: bytes, limit: limit, otherwise: .requestLineTooLong, from: .client)
            else {
                return false
            }
            do throws(WireError.Reason) { try readRequestLine(line, in: bytes) } catch {
                throw WireError(error, from: .client)
            }
            stage = .fieldLines
        }
        while let line = try scanner.next(in: bytes, limit: limits.head, otherwise: .headTooLarge, from: .client) {
            do throws(WireError.Reason) {
                if line.isEmpty {
                    length = scanner.lineStart
                    try conclude(bytes)
                    return true
                }
                if section.lines.count >= limits.fields { throw .tooManyFields }
                try readField(line, in: bytes)
            } catch {
                throw WireError(error, from: .client)
            }
        }
        return false
    }

    /// RFC 9112 §2.2: empty lines before the request line are skipped. False if more bytes are needed to decide.
    private mutating func skipEmptyLines(_ bytes: Span<UInt8>, limit: Int) throws(WireError) -> Bool {
        if !bytes.isEmpty, bytes[0] == 0x16 { throw WireError(.tlsOnPlainPort, from: .client) }
        while true {
            let start = scanner.lineStart
            if start > limit { throw WireError(.headTooLarge, from: .client) }
            guard start < bytes.count else { return false }
            guard bytes[start] == .carriageReturn else { return true }
            guard start &+ 1 < bytes.count else { return false }
            // Without its line feed it is the request line's fault.
            guard bytes[start &+ 1] == .lineFeed else { return true }
            scanner.skip(to: start &+ 2)
        }
    }

    /// `method SP target SP version` (RFC 9112 §3).
    private mutating func readRequestLine(_ line: Range<Int>, in bytes: Span<UInt8>) throws(WireError.Reason) {
        let methodEnd = Scan.first(.space, in: bytes, from: line.lowerBound, to: line.upperBound)
        let versionStart = line.upperBound &- HTTPVersion.length
        guard methodEnd > line.lowerBound, methodEnd &+ 1 < versionStart, bytes[versionStart &- 1] == .space else {
            throw .invalidRequestLine
        }
        let token = bytes.extracting(line.lowerBound..<methodEnd)
        method = Method.recognise(token)
        if method == .other, !Token.isToken(token) { throw .invalidRequestLine }
        methodRange = ByteRange(line.lowerBound, methodEnd)
        minorVersion = try HTTPVersion.minorVersion(at: versionStart, in: bytes)
        let range = (methodEnd &+ 1)..<(versionStart &- 1)
        target = ByteRange(range.lowerBound, range.upperBound)
        parts = try RequestTarget(range, of: method, in: bytes)
    }

    @inline(__always)
    private mutating func readField(_ line: Range<Int>, in bytes: Span<UInt8>) throws(WireError.Reason) {
        let field = try section.append(line, in: bytes)
        if field.known == .host {
            if hostLine != nil { throw .repeatedHost }
            if !Authority.isValid(bytes.extracting(field.value)) { throw .invalidHost }
            hostLine = field.value
        } else if field.known == .expect, minorVersion >= 1 {
            guard Scan.equalsIgnoringCase(bytes.extracting(field.value), "100-continue") else {
                throw .unknownExpectation
            }
        }
    }

    /// What only the complete head can decide: Host (RFC 9112 §3.2), framing (§6.3), Expect.
    private mutating func conclude(_ bytes: Span<UInt8>) throws(WireError.Reason) {
        if let hostLine {
            // RFC 9112 §3.2.2: the authority of an absolute-form replaces Host.
            if parts.form == .origin || parts.form == .asterisk { parts.authority = hostLine }
        } else if minorVersion >= 1 {
            throw .missingHost
        }
        framing = try section.framing.framing(minorVersion: minorVersion, otherwise: .none)
        let hasContent = framing != .none && framing != .length(0)
        // RFC 9110 §9.3.8, §9.3.6: TRACE has no content, and content after CONNECT would belong to the tunnel.
        if hasContent, method == .trace || method == .connect { throw .contentNotAllowed }
        expectsContinue = hasContent && minorVersion >= 1 && contains(.expect)
    }
}
