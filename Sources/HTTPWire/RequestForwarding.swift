// A request on its way to the origin (RFC 9110 §7.6, RFC 9112 §3, RFC 7239): request line in origin-form, Host, the
// end-to-end fields, and this hop's own framing, Via and forwarding fields.

import Bytes
import HTTPSemantics

/// How to serialise one request for the origin. The arrays belong to the configuration or the connection, so passing
/// them on costs a reference.
package struct RequestForwarding: Sendable {
    /// Replaces the client's method, as when a HEAD is forwarded as GET to fill the store.
    package var method: Method?
    package var framing: BodyFraming
    package var connection = Forwarding.Connection.implied
    /// Of the protocols that the client offers to upgrade to, those to offer the origin, in lower case; nil for all.
    package var upgrades: [[UInt8]]?
    /// Whether Host is the client's authority. Otherwise, and for a client that sent none, it is `upstreamHost`.
    package var keepsClientHost = true
    package var upstreamHost: [UInt8]
    /// The client's address without port, IPv6 without brackets; empty on a unix socket.
    package var peerAddress: AddressText
    /// The name of this gateway in Via, by which it knows a request that comes back to it.
    package var pseudonym: [UInt8]
    /// What the origin gets as X-Request-Id.
    package enum Identifier: Sendable {
        /// What the client sent, in whatever spelling.
        case client
        /// The value of one of its lines alone.
        case given(ByteRange)
        /// 32 digits, and nothing of the client's.
        case made(UInt128)
    }

    package var identifier = Identifier.client
    /// Whether the peer's forwarding fields are kept and extended, rather than replaced.
    package var isPeerTrusted = false
    /// Whether the client's connection uses https.
    package var isClientSecure = false
    /// Whether Expect: 100-continue is forwarded to the origin, rather than handled by this gateway.
    package var forwardsExpect = false
    /// Whether to forward trailers to a client that asked for them with TE.
    package var acceptsTrailers = false
    /// Fields to leave out, such as `FieldSet.conditionals` if the response is to be stored.
    package var dropping = FieldSet()
    /// Names of other fields to leave out, in lower case.
    package var droppingOthers: [[UInt8]] = []
    /// Whether entity-tags in If-Match go on as strong ones: this gateway has made weak ones of the origin's.
    package var strengthensIfMatch = false
    /// Replaces Accept-Encoding; empty leaves it out, nil keeps what the client sent.
    package var acceptEncoding: [UInt8]?
    /// Fields that the route sets or removes: the client's own don't go on.
    package var removal: FieldRemoval?
    /// Which of the client's query, cookies and fields are forwarded; nil for all.
    package var selection: RequestSelection?
    /// Whether what others are served may come of it. Then the origin is told the host in the normal form that the key has,
    /// and no other host: what one client could make it read elsewhere would be served to all.
    package var isShareable = false
    /// Replace the path and the query, where these aren't in the normal form of the key, or where the origin is asked for
    /// another path than the client's.
    package var path: [UInt8]?
    package var query: [UInt8]?

    package init(content: ContentSize, upstreamHost: [UInt8], peerAddress: AddressText, pseudonym: [UInt8]) {
        self.init(
            framing: BodyFraming(ofRequest: content), upstreamHost: upstreamHost, peerAddress: peerAddress,
            pseudonym: pseudonym)
    }

    package init(
        framing: BodyFraming, upstreamHost: [UInt8], peerAddress: AddressText, pseudonym: [UInt8] = Array("larder".utf8)
    ) {
        self.framing = framing
        self.upstreamHost = upstreamHost
        self.peerAddress = peerAddress
        self.pseudonym = pseudonym
    }

    /// Fields that Larder generates itself, whatever the client sent.
    private static let regenerated = FieldSet.hopByHop.union([
        .host, .via, .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .maxForwards, .expect, .trailer,
    ])

    fileprivate static let cookieName = Array("cookie".utf8)
    fileprivate static let acceptEncodingName = Array("accept-encoding".utf8)

    /// Those of `regenerated` that are forwarded when a condition holds.
    fileprivate static let conditional: FieldSet = [.maxForwards, .trailer]
}

extension Forwarding {
    /// Appends `head`, which was parsed from `bytes`, as `plan` says. The head is left open.
    package static func appendRequest(
        _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ plan: borrowing RequestForwarding,
        to output: inout ByteBuffer
    ) {
        let host = plan.host(head, bytes)
        plan.appendRequestLine(head, bytes, to: &output)
        plan.appendHost(host, bytes, to: &output)
        let left = plan.leftOut
        for field in head.fields where !left.contains(field.known) {
            if field.known == .other, plan.leavesOut(otherField: bytes.extracting(field.name)) { continue }
            if head.isNamedByConnection(field, in: bytes) { continue }
            if let selection = plan.selection, !selection.takes(field, in: bytes) { continue }
            if field.known == .other, plan.dropsOther(bytes.extracting(field.name)) { continue }
            if let removal = plan.removal, removal.contains(bytes.extracting(field.name)) { continue }
            if field.known == .ifMatch, plan.strengthensIfMatch {
                plan.appendStrengthened(field, bytes, to: &output)
                continue
            }
            append(field, of: bytes, to: &output)
        }
        if let codings = plan.acceptEncoding, !codings.isEmpty,
            plan.removal?.contains(RequestForwarding.acceptEncodingName.span) != true
        {
            appendField("Accept-Encoding", codings.span, to: &output)
        }
        if let selection = plan.selection, !selection.cookies.isEmpty,
            plan.removal?.contains(RequestForwarding.cookieName.span) != true
        {
            appendField("Cookie", selection.cookies.span, to: &output)
        }
        plan.appendConditionally(head, bytes, to: &output)
        appendFraming(plan.framing, to: &output)
        beginVia(
            version: head.versionInVia, lines: head.fields, isPresent: head.contains(.via), bytes, to: &output)
        output.append(plan.pseudonym)
        output.append("\r\n")
        plan.appendForwarded(head, host, bytes, to: &output)
        switch plan.identifier {
        case .client: break
        case .given(let range): appendField("X-Request-Id", bytes.extracting(range), to: &output)
        case .made(let name): appendField("X-Request-Id", HexText(name).span, to: &output)
        }
        plan.appendConnection(head, bytes, to: &output)
    }
}

extension RequestForwarding {
    fileprivate func dropsOther(_ name: Span<UInt8>) -> Bool {
        for other in droppingOthers where Token.equalIgnoringCase(name, other.span) { return true }
        return false
    }

    /// RFC 9110 §13.1.1: If-Match compares strongly, and weak entity-tags match nothing.
    fileprivate func appendStrengthened(_ field: FieldLine, _ bytes: Span<UInt8>, to output: inout ByteBuffer) {
        output.append("If-Match: ")
        var isQuoted = false
        var index = field.value.lower
        while index < field.value.upper {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if !isQuoted, byte == UInt8(ascii: "W"), index + 2 < field.value.upper,
                bytes[index + 1] == UInt8(ascii: "/"),
                bytes[index + 2] == UInt8(ascii: "\"")
            {
                index += 2
                continue
            }
            output.append(byte)
            index += 1
        }
        output.append("\r\n")
    }

    fileprivate var leftOut: FieldSet {
        var left = RequestForwarding.regenerated.union(dropping)
        if replacesIdentifier { left.insert(.xRequestID) }
        if acceptEncoding != nil { left.insert(.acceptEncoding) }
        return left
    }

    /// RFC 9112 §3.2.1, §3.2.4. An absolute-form without a path means `/`, or `*` for OPTIONS.
    fileprivate func appendRequestLine(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, to output: inout ByteBuffer)
    {
        if let method, method != .other {
            output.append(method.text)
        } else {
            output.append(bytes.extracting(head.methodRange))
        }
        output.append(.space)
        switch head.targetForm {
        case .authority: output.append(bytes.extracting(head.target))
        case .asterisk: output.append(UInt8(ascii: "*"))
        case .origin where selection == nil && path == nil && query == nil: output.append(bytes.extracting(head.target))
        case .origin, .absolute: appendPathAndQuery(head, bytes, to: &output)
        }
        output.append(" HTTP/1.1\r\n")
    }

    private func appendPathAndQuery(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, to output: inout ByteBuffer) {
        if head.path.isEmpty, head.method == .options, !head.hasQuery {
            output.append(UInt8(ascii: "*"))
        } else if let path {
            output.append(path)
        } else if head.path.isEmpty {
            output.append(UInt8(ascii: "/"))
        } else {
            output.append(bytes.extracting(head.path))
        }
        if let selection {
            guard let query = selection.query else { return }
            output.append(UInt8(ascii: "?"))
            output.append(query)
        } else if head.hasQuery {
            output.append(UInt8(ascii: "?"))
            if let query { output.append(query) } else { output.append(bytes.extracting(head.query)) }
        }
    }

    /// RFC 9112 §3.2: Host comes first.
    fileprivate func appendHost(_ host: ForwardedHost, _ bytes: Span<UInt8>, to output: inout ByteBuffer) {
        output.append("Host: ")
        if keepsClientHost && !host.isEmpty {
            host.append(bytes, to: &output)
        } else {
            output.append(upstreamHost)
        }
        output.append("\r\n")
    }

    /// Fields that are forwarded under a condition: Expect, Max-Forwards (RFC 9110 §7.6.2), Trailer if the framing
    /// allows trailers.
    fileprivate func appendConditionally(
        _ head: borrowing RequestHead, _ bytes: Span<UInt8>, to output: inout ByteBuffer
    ) {
        if forwardsExpect && head.expectsContinue { output.append("Expect: 100-continue\r\n") }
        let countsForwards = head.method == .options || head.method == .trace
        let conditional = RequestForwarding.conditional
        if selection != nil || head.present.isDisjoint(with: conditional) { return }
        for field in head.fields where conditional.contains(field.known) && !dropping.contains(field.known) {
            if head.isNamedByConnection(field, in: bytes) { continue }
            if field.known == .trailer {
                if framing == .chunked { Forwarding.append(field, of: bytes, to: &output) }
            } else if !countsForwards {
                Forwarding.append(field, of: bytes, to: &output)
            } else if let left = Decimal.value(bytes.extracting(field.value)), left > 0 {
                Forwarding.appendField("Max-Forwards", decimal: left - 1, to: &output)
            }
        }
    }

    /// The client's authority; in the normal form where what comes may be shared.
    fileprivate func host(_ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> ForwardedHost {
        let range = head.authority.lower..<head.authority.upper
        guard isShareable else { return ForwardedHost(range: range, hasCapitals: false) }
        let normal = NormalAuthority.range(range, in: bytes, isHTTPS: isClientSecure)
        var hasCapitals = false
        for index in normal where bytes[index] != bytes[index].lowercased { hasCapitals = true }
        return ForwardedHost(range: normal, hasCapitals: hasCapitals)
    }

    /// Whether a field that isn't known by name is one more forwarding field: `X-Forwarded-Port` and the like, which anyone
    /// can forge, and any of them, or X-Request-Id, spelled with `_`, which many servers take for `-` while proxies don't know
    /// it.
    fileprivate func leavesOut(otherField name: Span<UInt8>) -> Bool {
        if replacesIdentifier, name.isFieldName(Self.requestIDName.span, takingUnderscores: true) { return true }
        let prefix = Self.forwardedPrefix
        guard name.count > prefix.count,
            name.extracting(..<prefix.count).isFieldName(prefix.span, takingUnderscores: true)
        else { return false }
        var hasUnderscore = false
        for index in name.indices where name[index] == UInt8(ascii: "_") { hasUnderscore = true }
        return hasUnderscore || !isPeerTrusted || isShareable
    }

    fileprivate var replacesIdentifier: Bool { if case .client = identifier { false } else { true } }

    private static let requestIDName = Array("x-request-id".utf8)
    private static let forwardedPrefix = Array("x-forwarded-".utf8)

    /// RFC 7239 and its predecessors. The forwarding fields of an untrusted peer are removed, since anyone can forge
    /// them. A trusted one may pass on what its own client wrote: it isn't asked for the host where what comes may be shared.
    fileprivate func appendForwarded(
        _ head: borrowing RequestHead, _ host: ForwardedHost, _ bytes: Span<UInt8>, to output: inout ByteBuffer
    ) {
        let trusts = isPeerTrusted
        if !peerAddress.isEmpty || (trusts && head.contains(.xForwardedFor)) {
            output.append("X-Forwarded-For: ")
            if trusts { Forwarding.appendValues(of: .xForwardedFor, in: head.fields, bytes, to: &output) }
            if peerAddress.isEmpty { output.append("unknown") } else { output.append(peerAddress.span) }
            output.append("\r\n")
        }
        output.append(isClientSecure ? "X-Forwarded-Proto: https\r\n" : "X-Forwarded-Proto: http\r\n")
        if trusts, !isShareable, let given = head.first(.xForwardedHost), !given.isEmpty {
            Forwarding.appendField("X-Forwarded-Host", bytes.extracting(given), to: &output)
        } else if !host.isEmpty {
            output.append("X-Forwarded-Host: ")
            host.append(bytes, to: &output)
            output.append("\r\n")
        }
        output.append("Forwarded: ")
        if trusts, !isShareable { Forwarding.appendValues(of: .forwarded, in: head.fields, bytes, to: &output) }
        appendForwardedElement(host, bytes, to: &output)
        output.append("\r\n")
    }

    /// RFC 7239 §4: an address with colons, and a host with a port, have to be quoted.
    private func appendForwardedElement(_ host: ForwardedHost, _ bytes: Span<UInt8>, to output: inout ByteBuffer) {
        output.append("for=")
        if peerAddress.isEmpty {
            output.append("unknown")
        } else if peerAddress.hasColons {
            output.append("\"[")
            output.append(peerAddress.span)
            output.append("]\"")
        } else {
            output.append(peerAddress.span)
        }
        if !host.isEmpty {
            // A valid authority holds neither quotation marks nor backslashes.
            let isToken = Token.isToken(bytes.extracting(host.range))
            output.append(isToken ? ";host=" : ";host=\"")
            host.append(bytes, to: &output)
            if !isToken { output.append(UInt8(ascii: "\"")) }
        }
        output.append(isClientSecure ? ";proto=https" : ";proto=http")
    }

    /// RFC 9110 §7.6.1, §7.8, §10.1.4.
    fileprivate func appendConnection(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, to output: inout ByteBuffer)
    {
        let wantsTrailers = acceptsTrailers && head.asksForTrailers(bytes)
        if wantsTrailers { output.append("TE: trailers\r\n") }
        switch connection {
        case .implied, .keepAlive: output.append(wantsTrailers ? "Connection: TE\r\n" : "")
        case .close: output.append(wantsTrailers ? "Connection: close, TE\r\n" : "Connection: close\r\n")
        case .upgrade:
            output.append(wantsTrailers ? "Connection: Upgrade, TE\r\n" : "Connection: Upgrade\r\n")
            appendUpgrade(head, bytes, to: &output)
        }
    }
}

/// The host that the origin is told, by where it stands in the head.
private struct ForwardedHost {
    let range: Range<Int>
    /// Whether it goes on in lower case, and isn't in it.
    let hasCapitals: Bool

    var isEmpty: Bool { range.isEmpty }

    func append(_ bytes: Span<UInt8>, to output: inout ByteBuffer) {
        guard hasCapitals else { return output.append(bytes.extracting(range)) }
        for index in range { output.append(bytes[index].lowercased) }
    }
}

extension RequestForwarding {
    /// RFC 9110 §7.8.
    private func appendUpgrade(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, to output: inout ByteBuffer) {
        for field in head.fields where field.known == .upgrade {
            guard let upgrades else {
                Forwarding.appendField("Upgrade", bytes.extracting(field.value), to: &output)
                continue
            }
            var elements = ListElements(field.value)
            while let element = elements.next(in: bytes) {
                let offered = bytes.extracting(element)
                if offered.isProtocol(amongst: upgrades) { Forwarding.appendField("Upgrade", offered, to: &output) }
            }
        }
    }
}

extension RequestHead {
    /// RFC 9110 §10.1.4: the member `trailers` of TE.
    fileprivate func asksForTrailers(_ bytes: Span<UInt8>) -> Bool {
        guard contains(.te) else { return false }
        for field in fields where field.known == .te {
            var elements = ListElements(field.value)
            while let element = elements.next(in: bytes) {
                if Token.equalIgnoringCase(bytes.extracting(element), "trailers") { return true }
            }
        }
        return false
    }
}
