// A request's header section (RFC 9113 §8.2, §8.3) as it is decoded, field by field, and the head that it stands for: the same
// bytes that HTTP/1 parses, so that both versions pass the same checks. What only HTTP/2 forbids, or what could be read as
// something else in those bytes, is refused here.

import Bytes
import HTTPSemantics
import HTTPWire

/// How large the header section that is being read has become, for whoever it is. A byte of it may stand for a field of the
/// dynamic table with thousands (RFC 7541 §6.1): one that is far too large isn't decoded to its end.
struct DecodedSize {
    /// Up to so many times the limit of a head, a section is read to its end and answered.
    private static let most = 4
    private var size = 0

    mutating func begin() { size = 0 }

    /// - Parameter count: bytes of a field's name and value.
    mutating func takes(_ count: Int, limit: Int) -> Bool {
        size += count + HeaderSection.fieldOverhead
        return size <= Self.most * limit
    }
}

/// Puts one head together after another.
struct HeaderSection: ~Copyable {
    /// What makes a section malformed (RFC 9113 §8.1.1): the stream is reset.
    enum Malformation: Error, Equatable {
        case missingPseudoField
        case repeatedPseudoField
        case unknownPseudoField
        case pseudoFieldAfterField
        case emptyValue
        case unexpectedPseudoField
        case invalidMethod
        case invalidTarget
        case invalidAuthority
        case invalidName
        case uppercaseName
        case invalidValue
        case connectionField
        case invalidTE
        case differingAuthority
        case contentLengthWithoutContent
    }

    /// A section as it counts in SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113 §6.5.2): its names and values, and so much a field.
    static let fieldOverhead = 32

    /// Names up to here have no meaning of their own in a head, so that their bytes can lie behind one another.
    private var pseudoFields = ByteBuffer()
    private var method = ByteRange.empty
    private var scheme = ByteRange.empty
    private var authority = ByteRange.empty
    private var path = ByteRange.empty
    private var protocolName = ByteRange.empty
    private var cookies = ByteBuffer()
    private var size = 0
    private var count = 0
    private var hasRequestLine = false
    private var hasHost = false
    private(set) var malformation: Malformation?
    /// Which limit the section has reached. What comes then is read and dropped.
    private(set) var overflow: WireError.Reason?
    /// The protocol that an extended CONNECT asks for (RFC 8441 §4) is WebSocket, which HTTP/1 has an upgrade for.
    private(set) var isWebSocket = false

    mutating func begin() {
        pseudoFields.removeAll(keepingUpTo: 1024)
        (method, scheme, authority, path, protocolName) = (.empty, .empty, .empty, .empty, .empty)
        cookies.removeAll(keepingUpTo: 1024)
        (size, count) = (0, 0)
        (hasRequestLine, hasHost, isWebSocket) = (false, false, false)
        (malformation, overflow) = (nil, nil)
    }

    /// The next field, in the order in which they come.
    /// - Parameter head: receives its line.
    mutating func append(
        _ name: Span<UInt8>, _ value: Span<UInt8>, limits: HeadLimits, to head: inout ByteBuffer
    ) {
        guard malformation == nil, overflow == nil else { return }
        size += name.count + value.count + Self.fieldOverhead
        count += 1
        // Beside the fields, four pseudo-fields or five.
        if size > limits.head {
            overflow = .headTooLarge
            return
        }
        if count > limits.fields + 5 {
            overflow = .tooManyFields
            return
        }
        do throws(Malformation) {
            if name.isEmpty { throw .invalidName }
            guard Scan.firstControl(in: value, from: 0) == value.count else { throw .invalidValue }
            if name[0] == UInt8(ascii: ":") { return try appendPseudoField(name, value) }
            if !hasRequestLine { try beginHead(&head) }
            try appendField(name, value, to: &head)
        } catch {
            malformation = error
        }
    }

    /// Completes the head. What HTTP/1 demands of one is for its parser to say.
    /// - Parameter hasContent: the stream doesn't end with the section.
    mutating func end(_ head: inout ByteBuffer) {
        guard malformation == nil, overflow == nil else { return }
        do throws(Malformation) {
            if !hasRequestLine { try beginHead(&head) }
            if !cookies.isEmpty { Forwarding.appendField("cookie", cookies.span, to: &head) }
            if isWebSocket { Self.appendUpgrade(to: &head) }
            Forwarding.endHead(&head)
        } catch {
            malformation = error
        }
    }

    /// How HTTP/1 asks for WebSocket (RFC 6455 §4.1). The key proves to a client that its server knows the protocol; this server
    /// is asked by us.
    private static func appendUpgrade(to head: inout ByteBuffer) {
        head.append("connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ")
        let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
        // Sixteen bytes in base64: 21 digits of any value, and one of which the last four bits are nothing.
        for _ in 0..<21 { head.append(digits[octet: Int.random(in: 0..<digits.utf8CodeUnitCount)]) }
        head.append("A==\r\n")
    }

    // MARK: Pseudo-fields

    /// RFC 9113 §8.3.1.
    private mutating func appendPseudoField(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(Malformation) {
        if hasRequestLine { throw .pseudoFieldAfterField }
        guard !value.isEmpty else { throw .emptyValue }
        let range = ByteRange(pseudoFields.count, pseudoFields.count + value.count)
        if Scan.equalsIgnoringCase(name, ":method") {
            guard method.isEmpty else { throw .repeatedPseudoField }
            guard Token.isToken(value) else { throw .invalidMethod }
            method = range
        } else if Scan.equalsIgnoringCase(name, ":path") {
            guard path.isEmpty else { throw .repeatedPseudoField }
            guard value[0] == UInt8(ascii: "/") || value.count == 1 && value[0] == UInt8(ascii: "*"),
                Scan.firstOutsideTarget(in: value, from: 0, to: value.count) == value.count
            else { throw .invalidTarget }
            path = range
        } else if Scan.equalsIgnoringCase(name, ":scheme") {
            guard scheme.isEmpty else { throw .repeatedPseudoField }
            scheme = range
        } else if Scan.equalsIgnoringCase(name, ":authority") {
            guard authority.isEmpty else { throw .repeatedPseudoField }
            guard Scan.firstOutsideTarget(in: value, from: 0, to: value.count) == value.count else {
                throw .invalidAuthority
            }
            authority = range
        } else if Scan.equalsIgnoringCase(name, ":protocol") {
            guard protocolName.isEmpty else { throw .repeatedPseudoField }
            protocolName = range
        } else {
            throw .unknownPseudoField
        }
        pseudoFields.append(value)
    }

    /// The request line and Host, once all pseudo-fields are there.
    private mutating func beginHead(_ head: inout ByteBuffer) throws(Malformation) {
        hasRequestLine = true
        guard !method.isEmpty else { throw .missingPseudoField }
        let isConnect = Method.recognise(pseudoFields.span.extracting(method)) == .connect
        let extends = !protocolName.isEmpty
        guard isConnect || !extends else { throw .unexpectedPseudoField }
        if isConnect, authority.isEmpty { throw .missingPseudoField }
        if isConnect && !extends {
            // RFC 9113 §8.5.
            guard path.isEmpty && scheme.isEmpty else { throw .unexpectedPseudoField }
        } else {
            guard !path.isEmpty, !scheme.isEmpty else { throw .missingPseudoField }
        }
        isWebSocket = extends && pseudoFields.span.extracting(protocolName).isCaseless("websocket")
        let texts = pseudoFields.span
        if isWebSocket { head.append("GET") } else { head.append(texts.extracting(method)) }
        head.append(" ")
        // A protocol that isn't understood is refused as any CONNECT is.
        head.append(texts.extracting(isConnect && !isWebSocket ? authority : path))
        head.append(" HTTP/1.1\r\n")
        if !authority.isEmpty { Forwarding.appendField("host", texts.extracting(authority), to: &head) }
    }

    // MARK: Fields

    private mutating func appendField(
        _ name: Span<UInt8>, _ value: Span<UInt8>, to head: inout ByteBuffer
    ) throws(Malformation) {
        guard Token.isToken(name) else { throw .invalidName }
        for index in name.indices where name[index] != name[index].lowercased { throw .uppercaseName }
        switch FieldName.recognise(name) {
        // RFC 9113 §8.2.2.
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade: throw .connectionField
        case .te: guard value.isCaseless("trailers") else { throw .invalidTE }
        case .host:
            guard !authority.isEmpty else { break }
            // RFC 9113 §8.3.1: one that says something else is not believed; one that says the same is not repeated.
            guard !hasHost, value.isSameName(as: pseudoFields.span.extracting(authority)) else {
                throw .differingAuthority
            }
            hasHost = true
            return
        case .cookie:
            // RFC 9113 §8.2.3.
            if !cookies.isEmpty { cookies.append("; ") }
            return cookies.append(value)
        default: break
        }
        head.append(name)
        head.append(": ")
        head.append(value)
        head.append("\r\n")
    }
}
