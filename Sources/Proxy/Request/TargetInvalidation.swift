// What an unsafe request invalidates, by its response or for want of one (RFC 9111 §4.4, RFC 9875 §3): its target, what Location and
// Content-Location name within the same origin, groups, the tags in Cache-Purge-Tags, and what the route lists in `invalidates`. Location and
// Content-Location are read twice: as URLs of clients, and, where the upstream is asked for other paths or by another host than the
// client's, as its own, which `ClientPaths` leads back to those of clients. Nothing of it is noted where nothing can be stored: a
// route is chosen by host and path alone, so what is stored of a URL was stored by the route that an unsafe request to it takes.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Routing

extension AdmittedRequest {
    /// Notes and carries out what may have changed. Nothing for most requests.
    /// - Parameter mayBeCarriedOut: in an attempt before the one that got this response, which may be an error.
    func invalidate(
        by response: borrowing ResponseHead, _ bytes: Span<UInt8>, mayBeCarriedOut: Bool, in fills: FillService
    ) {
        if invalidates(Status(response.status)) {
            invalidate(by: response, bytes, in: fills)
        } else if mayBeCarriedOut {
            invalidateUnanswered(in: fills)
        }
    }

    /// What the response says has changed.
    private func invalidate(by response: borrowing ResponseHead, _ bytes: Span<UInt8>, in fills: FillService) {
        // One purge for all of it: nobody sees a part.
        var purge = Purge([])
        invalidateTargets(response, bytes, in: fills, &purge)
        if fills.cache.isStoring, runtime.storesAnything {
            addGroups(response, bytes, to: &purge)
            addTags(response, bytes, to: &purge)
        }
        fills.cache.apply(purge, at: fills.wallTime)
    }

    /// The origin was asked, and nobody will learn what it has done: what a plain response would say has changed may have.
    func invalidateUnanswered(in fills: FillService) {
        guard mayChangeTarget else { return }
        invalidate(by: ResponseHead(), Span(), in: fills)
    }

    /// - Parameter purge: gets what isn't invalidated by its key.
    private func invalidateTargets(
        _ response: borrowing ResponseHead, _ bytes: Span<UInt8>, in fills: FillService, _ purge: inout Purge
    ) {
        guard fills.cache.isStoring && runtime.storesAnything || fills.keysHaveChanged else { return }
        // The response's bytes and the request's own.
        let own = self.bytes
        let authority = own.extracting(head.authority)
        let path = own.extracting(head.path)
        var targets: [[UInt8]] = entry?.mayHaveStored == true || fills.keysHaveChanged ? [target] : []
        let schemeName = scheme.name
        for field in response.fields where field.known == .location || field.known == .contentLocation {
            var target: [UInt8] = []
            let isSame = InvalidatedReference.appendPath(
                of: bytes.extracting(field.value), scheme: schemeName.span, authority: authority, path: path,
                into: &target)
            if isSame { targets.append(target) }
        }
        targets += originsOwnTargets(response, bytes)
        for (target, isPrefix) in declaredTargets {
            if isPrefix { purge.items.append(.prefix(prefix(target))) } else { targets.append(target) }
        }
        for target in Set(targets) { invalidate(target, in: fills, &purge) }
    }

    /// What the response is about by the paths that the origin knows. Empty where these are the clients'.
    private func originsOwnTargets(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> [[UInt8]] {
        guard let entry, let group = entry.upstream, runtime.clientPaths != nil || !entry.keepsClientHost,
            let path = upstreamPath
        else { return [] }
        let own = self.bytes
        let schemeName = scheme.name
        // Its own servers' URLs are upstreams' URLs.
        let serverScheme = URIScheme.http.name
        // Other paths may lead to what was changed.
        var found = runtime.clientPaths == nil ? [] : clientTargets(of: path, query: queryWithMark)
        for field in response.fields where field.known == .location || field.known == .contentLocation {
            let reference = bytes.extracting(field.value)
            var target: [UInt8] = []
            var isSame = InvalidatedReference.appendPath(
                of: reference, scheme: schemeName.span, authority: own.extracting(head.authority), path: path.span,
                into: &target)
            for server in group.servers where !isSame && !entry.keepsClientHost {
                let authority = server.authority
                isSame = InvalidatedReference.appendPath(
                    of: reference, scheme: serverScheme.span, authority: authority.span, path: path.span, into: &target)
            }
            guard isSame else { continue }
            let end = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
            found += clientTargets(of: Array(target[..<end]), query: Array(target[end...]))
        }
        return found
    }

    /// The targets of clients that lead to a path of the upstream.
    /// - Parameter query: with its `?`.
    private func clientTargets(of path: [UInt8], query: [UInt8]) -> [[UInt8]] {
        guard let upstream = entry?.upstream else { return [] }
        guard let clientPaths = runtime.clientPaths else { return [path + query] }
        return clientPaths.paths(to: path.span, of: upstream.settings.name) { valueOfParameter($0) }.map { $0 + query }
    }

    /// The value of a parameter of the route, as the client sent it.
    private func valueOfParameter(_ name: String) -> [UInt8]? {
        guard let entry, let match,
            let index = runtime.configuration.routes[entry.index].parameterNames.firstIndex(of: name)
        else { return nil }
        return bytes.extracting(match.parameter(at: index)).copied()
    }

    /// Invalidates what GET and HEAD of a target are answered with.
    private func invalidate(_ target: [UInt8], in fills: FillService, _ purge: inout Purge) {
        let authority = bytes.extracting(head.authority).copied()
        let url = String(decoding: scheme.name + Array("://".utf8) + authority + target, as: UTF8.self)
        var hasOtherKeys = false
        do throws(SyntheticRequestFault) {
            let match = try fills.composer.compose(try SyntheticRequest(url: url), by: runtime.table)
            guard invalidateKeys(of: match, in: fills) || fills.keysHaveChanged else { return }
            hasOtherKeys = runtime.entries[match.route].hasKeysBeyondURL || fills.keysHaveChanged
        } catch .noKey {
            hasOtherKeys = true
        } catch {
            // A URL that no request could have is stored nowhere, unless it had a route before.
            hasOtherKeys = fills.keysHaveChanged
        }
        guard hasOtherKeys else { return }
        // The key that a GET with the fields of this request has, and so its own entry; and whatever else is looked up there.
        do throws(SyntheticRequestFault) {
            let request = try SyntheticRequest(url: url, fields: ownFields)
            _ = invalidateKeys(of: try fills.composer.compose(request, by: runtime.table), in: fills)
        } catch {
            // Then it has no such entry.
        }
        purge.items.append(.url(urlDigest(ofTarget: target)))
    }

    /// - Returns: whether anything can be stored by the route.
    private func invalidateKeys(of match: RouteMatch, in fills: FillService) -> Bool {
        guard runtime.entries[match.route].mayHaveStored else { return false }
        let keys = fills.searchRules.keys(of: &fills.composer, by: runtime.table.recipes[match.route])
        fills.cache.invalidate(keys, at: fills.wallTime)
        return true
    }

    /// The digest of a target's path, which stands for all its queries: which of these have a key in common depends on the
    /// route, and one that is missed is worse than one too many.
    private func urlDigest(ofTarget target: [UInt8]) -> CacheKey {
        let end = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
        let path = NormalTarget.form(of: target.span, in: ByteRange(0, end)) ?? Array(target[..<end])
        let scheme = self.scheme.name
        return CacheKey(
            URLDigest.of(scheme: scheme.span, authority: bytes.extracting(head.authority), path: path.span))
    }

    /// All that begins with a target.
    private func prefix(_ target: [UInt8]) -> [UInt8] {
        let normal = NormalTarget.form(of: target.span, in: ByteRange(0, target.count)) ?? target
        return origin + normal
    }

    /// `scheme://authority`.
    private var origin: [UInt8] { scheme.name + Array("://".utf8) + bytes.extracting(head.authority).copied() }

    /// The lines that a GET could have as well.
    private var ownFields: [String] {
        let bytes = bytes
        return head.fields.compactMap { field in
            if Self.notAGets.contains(field.known) || head.isNamedByConnection(field, in: bytes) { return nil }
            return "\(bytes.extracting(field.name).text()): \(bytes.extracting(field.value).text())"
        }
    }

    private static let notAGets = FieldSet.hopByHop.union([.host, .contentLength, .expect])

    private func addGroups(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, to purge: inout Purge) {
        guard response.contains(.cacheGroupInvalidation) else { return }
        var items: [PurgeItem] = []
        for field in response.fields where field.known == .cacheGroupInvalidation {
            let value = bytes.extracting(field.value)
            guard var groups = CacheGroups(field: value) else { return }
            while let range = groups.next(in: value) {
                items.append(.group(origin: origin, name: value.extracting(range).copied()))
            }
        }
        purge.items += items
    }

    /// `Cache-Purge-Tags`, written as `Cache-Tag` is.
    private func addTags(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, to purge: inout Purge) {
        guard response.contains(.cachePurgeTags) else { return }
        for field in response.fields where field.known == .cachePurgeTags {
            let value = bytes.extracting(field.value)
            var tags = TagWalker(.commas)
            while let range = tags.next(in: value) { purge.items.append(.tag(value.extracting(range).copied())) }
        }
    }
}
