// A response's head (RFC 9112 §4, §5, §6.3): parsed as strictly as a request's, since a malformed response can poison
// the store. Its framing depends on the request's method.

import Bytes
import HTTPSemantics

/// A parsed response head, reused for every response of a connection. See `RequestHead` for how to feed it, and why its
/// properties are inlinable.
@usableFromInline
package struct ResponseHead: ~Copyable {
    private enum Stage {
        case statusLine
        case fieldLines
        /// Complete or rejected: the next `parse` begins a new message.
        case over
    }

    private var stage = Stage.over
    private var scanner = LineScanner()
    @usableFromInline var section = FieldSection()

    @usableFromInline package internal(set) var status = 0
    @usableFromInline package internal(set) var reason = ByteRange.empty
    /// 0 or 1; later minor versions of HTTP/1 count as 1.
    @usableFromInline package internal(set) var minorVersion: UInt8 = 1
    /// It stands for a header section of HTTP/2.
    package private(set) var isHTTP2 = false
    @usableFromInline package internal(set) var framing = BodyFraming.none
    /// Whether the connection may carry another request (RFC 9112 §9.3). Never after a body that is delimited by the
    /// connection's close.
    @usableFromInline package internal(set) var keepsAlive = false
    /// Bytes of the head, its empty line included.
    @usableFromInline package internal(set) var length = 0

    /// Allocates nothing before the first parse.
    package init() {}

    /// Content-Length as sent, which for HEAD and 304 describes content that isn't sent (RFC 9110 §8.6).
    package var declaredContentLength: UInt64? { section.framing.contentLength }

    /// 1xx other than 101: another head follows for the same request.
    @inlinable package var isInterim: Bool { status < 200 && status != 101 }

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

    /// Whether a field of this connection is the client's too (RFC 9110 §15.5.22): a 426 says what the server would switch to,
    /// without which it says nothing.
    package func isForClient(_ field: FieldLine) -> Bool { field.known == .upgrade && status == 426 }

    /// The bytes were put together from a header section of HTTP/2.
    package mutating func becomeHTTP2() { isHTTP2 = true }

    /// Resets the head and frees its memory, as for a connection that becomes idle.
    package mutating func release() {
        reset()
        section.release()
    }

    /// Resets the head and keeps its memory.
    package mutating func reset() {
        stage = .statusLine
        scanner = LineScanner()
        section.removeAll()
        status = 0
        reason = .empty
        minorVersion = 1
        isHTTP2 = false
        framing = .none
        keepsAlive = false
        length = 0
    }

    /// Reads the head at the beginning of `bytes`, of the response to a request with `method`.
    ///
    /// - Returns: true once the head is complete; false if more bytes are needed. In that case, call again with the
    ///   same bytes and those that followed; parsing resumes where it stopped.
    /// - Throws: why the response can't be forwarded. Its connection must not be reused.
    package mutating func parse(
        _ bytes: Span<UInt8>, answering method: Method, limits: HeadLimits
    ) throws(WireError) -> Bool {
        if stage == .over { reset() }
        do throws(WireError) {
            let isComplete = try parseLines(bytes, answering: method, limits: limits)
            if isComplete { stage = .over }
            return isComplete
        } catch {
            stage = .over
            throw error
        }
    }

    /// As ``parse(_:answering:limits:)``, for whoever has no use for interim responses (RFC 9110 §15.2), which are read over.
    /// - Parameter start: where the head begins; moves behind each interim response, whose bytes aren't to come again.
    package mutating func parseFinal(
        _ bytes: Span<UInt8>, from start: inout Int, answering method: Method, limits: HeadLimits
    ) throws(WireError) -> Bool {
        while try parse(bytes.extracting(start...), answering: method, limits: limits) {
            guard isInterim else { return true }
            start += length
        }
        return false
    }

    private mutating func parseLines(
        _ bytes: Span<UInt8>, answering method: Method, limits: HeadLimits
    ) throws(WireError) -> Bool {
        if stage == .statusLine {
            let limit = limits.startLine &+ 2
            guard let line = try scanner.next(in: bytes, limit: limit, otherwise: .headTooLarge, from: .origin) else {
                return false
            }
            do throws(WireError.Reason) { try readStatusLine(line, in: bytes) } catch {
                throw WireError(error, from: .origin)
            }
            stage = .fieldLines
        }
        while let line = try scanner.next(in: bytes, limit: limits.head, otherwise: .headTooLarge, from: .origin) {
            do throws(WireError.Reason) {
                if line.isEmpty {
                    length = scanner.lineStart
                    try conclude(answering: method)
                    return true
                }
                if section.lines.count >= limits.fields { throw .tooManyFields }
                _ = try section.append(line, in: bytes)
            } catch {
                throw WireError(error, from: .origin)
            }
        }
        return false
    }

    /// `version SP 3DIGIT SP [reason]` (RFC 9112 §4). The second space may be missing along with the reason: many
    /// servers omit it, and the line stays unambiguous.
    private mutating func readStatusLine(_ line: Range<Int>, in bytes: Span<UInt8>) throws(WireError.Reason) {
        let start = line.lowerBound
        guard line.count >= HTTPVersion.length + 4 else { throw .invalidStatusLine }
        minorVersion = try HTTPVersion.minorVersion(at: start, in: bytes)
        guard bytes[start &+ 8] == .space else { throw .invalidStatusLine }
        var code = 0
        for index in (start &+ 9)..<(start &+ 12) {
            guard bytes[index].isDigit else { throw .invalidStatusLine }
            code = code * 10 + Int(bytes[index] &- 0x30)
        }
        guard (100...599).contains(code) else { throw .invalidStatusCode }
        status = code
        if line.count > HTTPVersion.length + 4 {
            guard bytes[start &+ 12] == .space else { throw .invalidStatusLine }
            reason = ByteRange(start &+ 13, line.upperBound)
        } else {
            reason = ByteRange(line.upperBound, line.upperBound)
        }
    }

    /// RFC 9112 §6.3, in its order.
    private mutating func conclude(answering method: Method) throws(WireError.Reason) {
        let declared = try section.framing.framing(minorVersion: minorVersion, otherwise: .untilClose)
        let isTunnel = status == 101 || (method == .connect && (200...299).contains(status))
        let isWithoutBody = isTunnel || method == .head || status < 200 || status == 204 || status == 304
        framing = isWithoutBody ? .none : declared
        let persists = !connection.hasClose && (minorVersion >= 1 || connection.hasKeepAlive)
        // RFC 9110 §8.6, RFC 9112 §6.1: 1xx and 204 have no framing fields. A server that sends one may send a body
        // too.
        let promisesForbiddenBody =
            (status < 200 || status == 204) && declared != .untilClose && declared != .length(0)
        keepsAlive = persists && !isTunnel && framing != .untilClose && !promisesForbiddenBody
    }
}
