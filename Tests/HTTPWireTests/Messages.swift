// Helpers that feed text to the parsers and describe the result as text.

import Bytes
import HTTPSemantics
import Testing

@testable import HTTPWire

/// The result of a parse, comparable across different splits.
enum Parsed: Equatable {
    case incomplete
    case refused(WireError.Reason)
    case request(RequestFacts)
}

struct RequestFacts: Equatable {
    var method: Method
    var target: String
    var form: TargetForm
    var scheme: String
    var authority: String
    var path: String
    var query: String?
    var minorVersion: UInt8
    var fields: [String]
    var framing: BodyFraming
    var keepsAlive: Bool
    var expectsContinue: Bool
    var wantsUpgrade: Bool
    var length: Int
}

func text(_ range: ByteRange, of bytes: [UInt8]) -> String {
    String(decoding: bytes[range.lower..<range.upper], as: UTF8.self)
}

func text(_ buffer: borrowing ByteBuffer) -> String {
    var bytes: [UInt8] = []
    let span = buffer.span
    for index in span.indices { bytes.append(span[index]) }
    return String(decoding: bytes, as: UTF8.self)
}

func facts(_ head: borrowing RequestHead, of bytes: [UInt8]) -> RequestFacts {
    RequestFacts(
        method: head.method, target: text(head.target, of: bytes), form: head.targetForm,
        scheme: text(head.scheme, of: bytes),
        authority: text(head.authority, of: bytes), path: text(head.path, of: bytes),
        query: head.hasQuery ? text(head.query, of: bytes) : nil, minorVersion: head.minorVersion,
        fields: head.fields.map { "\($0.known)|\(text($0.name, of: bytes))|\(text($0.value, of: bytes))" },
        framing: head.framing, keepsAlive: head.keepsAlive, expectsContinue: head.expectsContinue,
        wantsUpgrade: head.wantsUpgrade, length: head.length)
}

/// Feeds `bytes` in pieces that end at `cuts`, each time together with all earlier ones, as a connection does.
func feed(_ bytes: [UInt8], cuts: [Int] = [], limits: HeadLimits = HeadLimits(), reusing head: inout RequestHead)
    -> Parsed
{
    for end in cuts + [bytes.count] {
        do throws(WireError) {
            if try head.parse(bytes.span.extracting(0..<end), limits: limits) {
                return .request(facts(head, of: bytes))
            }
        } catch {
            return .refused(error.reason)
        }
    }
    return .incomplete
}

func parse(_ text: String, limits: HeadLimits = HeadLimits()) -> Parsed {
    var head = RequestHead()
    return feed(Array(text.utf8), limits: limits, reusing: &head)
}

/// The facts of a request that is expected to be accepted.
func request(_ message: String) throws -> RequestFacts {
    guard case .request(let facts) = parse(message) else {
        Issue.record("not accepted: \(message.debugDescription): \(parse(message))")
        throw WireError(.invalidRequestLine, from: .client)
    }
    return facts
}

/// A request's head with the bytes that it points into.
struct ParsedRequest: ~Copyable {
    let head: RequestHead
    let bytes: [UInt8]
}

/// A response's head with the bytes that it points into.
struct ParsedResponse: ~Copyable {
    let head: ResponseHead
    let bytes: [UInt8]
}

/// The head of a request that is expected to be accepted.
func head(_ message: String) throws -> ParsedRequest {
    let bytes = Array(message.utf8)
    var head = RequestHead()
    let isComplete = try head.parse(bytes.span, limits: HeadLimits())
    #expect(isComplete)
    return ParsedRequest(head: head, bytes: bytes)
}

/// The head of a response that is expected to be accepted.
func response(_ message: String, answering method: Method = .get) throws -> ParsedResponse {
    let bytes = Array(message.utf8)
    var head = ResponseHead()
    let isComplete = try head.parse(bytes.span, answering: method, limits: HeadLimits())
    #expect(isComplete)
    return ParsedResponse(head: head, bytes: bytes)
}

func responseFault(_ message: String, answering method: Method = .get) -> WireError? {
    let bytes = Array(message.utf8)
    var head = ResponseHead()
    do throws(WireError) {
        _ = try head.parse(bytes.span, answering: method, limits: HeadLimits())
        return nil
    } catch {
        return error
    }
}
