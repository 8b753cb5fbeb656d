// A request as the origin is asked: written anew (RFC 9110 §7.6), without the client's conditions where the response is to be
// stored, and with the stored response's where that is to be validated (RFC 9111 §4.3.1) or completed (§3.4).

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins
import Routing

/// How one request goes to the origin.
struct OriginRequest {
    enum Purpose {
        /// Past the cache, as it came.
        case pass
        /// The response may be stored.
        case fill
        /// What is stored is fetched anew in the background: nothing that the client alone wanted is asked for.
        case refresh
    }

    let request: AdmittedRequest
    let purpose: Purpose
    /// What is validated.
    var validated: StoredResponse?
    /// What is missing of what is stored in parts.
    var missing: (range: Range<Int64>, etagOf: StoredResponse)?
    /// The client asks for a range, which goes on.
    var hasRange = false
    /// Content was read whole before, for the key, and goes with the head.
    var sendsCollectedContent = false
    /// Credentials of the client's that don't go on: what is refreshed in the background is for everybody.
    var withheld: CredentialFields?
    /// Released when the origin has been asked: what bounds how many requests it gets while the store is down.
    var admission: AnyObject?
    /// The client's `Expect` is the origin's to answer.
    var forwardsExpect = false

    /// What the head announces.
    var contentSize: ContentSize {
        sendsCollectedContent ? .known(UInt64(request.content.count)) : request.head.contentSize
    }

    /// Whether it carries a condition that a 304 may answer (RFC 9110 §13.1.2, §13.1.3).
    var isConditional: Bool {
        if let validated, !validated.etag.isEmpty || !validated.lastModified.isEmpty { return true }
        let dropped = self.dropped
        return request.head.contains(.ifNoneMatch) && !dropped.contains(.ifNoneMatch)
            || request.head.contains(.ifModifiedSince) && !dropped.contains(.ifModifiedSince)
    }

    /// Whether Host is that of the server that is chosen.
    var namesServer: Bool { request.entry?.keepsClientHost == false || request.head.authority.isEmpty }

    /// Appends the head, and the content that goes with it.
    func append(to output: inout ByteBuffer) {
        guard let entry = request.entry else { preconditionFailure("a request has its route before it is forwarded") }
        let bytes = request.bytes
        var plan = RequestForwarding(
            content: contentSize, upstreamHost: entry.group.authority,
            peerAddress: request.peer.hostText, pseudonym: request.runtime.pseudonym)
        plan.keepsClientHost = entry.keepsClientHost
        plan.identifier = request.forwardedIdentifier
        plan.isPeerTrusted = request.runtime.trusts(request.peer)
        plan.isClientSecure = request.scheme == .https
        plan.forwardsExpect = forwardsExpect
        plan.acceptsTrailers = true
        if request.wantsTunnel {
            plan.connection = .upgrade
            plan.upgrades = entry.upgrades
        }
        plan.dropping = dropped
        if let withheld {
            plan.dropping = plan.dropping.union(withheld.known)
            plan.droppingOthers = withheld.others
        }
        plan.acceptEncoding = RequestCodings(request).forwarded
        plan.strengthensIfMatch = entry.compression != nil
        // One reading of a request, for the key and for the origin, which is asked in the key's form. Past the cache too, so
        // that what is read and what is changed have one name.
        if entry.mayHaveStored {
            plan.isShareable = true
            plan.path = NormalTarget.form(of: bytes, in: request.head.path)
            if entry.recipe.takesNormalQuery { plan.query = NormalTarget.form(of: bytes, in: request.head.query) }
        }
        if let forwarded = entry.forwardedPath, let match = request.match {
            plan.path = forwarded.text(request.head, bytes, match) ?? plan.path
        }
        // What passes by the cache is never stored, so that anything may be asked with it.
        if purpose != .pass { plan.selection = entry.recipe.selection(of: request.head, in: bytes) }
        let changes = entry.requestFields
        plan.removal = changes?.removal
        Forwarding.appendRequest(request.head, bytes, plan, to: &output)
        changes?.lines?.append(to: &output, for: request)
        appendConditions(to: &output)
        Forwarding.endHead(&output)
        if sendsCollectedContent { output.append(request.content) }
    }

    private var dropped: FieldSet {
        if missing != nil { return .conditionals }
        switch purpose {
        case .refresh: return Self.notRefreshed
        case .fill where validated != nil && hasRange: return [.ifNoneMatch, .ifModifiedSince]
        case .fill where !hasRange: return .conditionals
        case .fill, .pass: return []
        }
    }

    private func appendConditions(to output: inout ByteBuffer) {
        if let missing {
            Forwarding.appendField("If-Range", missing.etagOf.etag, to: &output)
            output.append("Range: bytes=")
            output.append(decimal: Int(missing.range.lowerBound))
            output.append("-")
            output.append(decimal: Int(missing.range.upperBound - 1))
            output.append("\r\n")
        }
        guard let validated else { return }
        if !validated.etag.isEmpty {
            // As the origin wrote it.
            let isWeakened = validated.facts.flags.contains(.weakenedETag)
            let tag = isWeakened ? EntityTag.strengthened(validated.etag) : validated.etag
            Forwarding.appendField("If-None-Match", tag, to: &output)
        }
        if !validated.lastModified.isEmpty {
            Forwarding.appendField("If-Modified-Since", validated.lastModified, to: &output)
        }
    }

    /// Fields of the client's that say nothing about what is to be stored.
    private static let notRefreshed = FieldSet.conditionals.union([.range, .cacheControl, .pragma])
}
