// What the response to an unsafe request invalidates (RFC 9111 §4.4, RFC 9875 §3): its target, what Location and
// Content-Location name within the same origin, and groups. Nothing of it is noted where nothing can be stored: a route is
// chosen by host and path alone, so what is stored of a URL was stored by the route that an unsafe request to it takes.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Routing

extension AdmittedRequest {
    /// Notes and carries out what the response says has changed. Nothing for most requests.
    func invalidate(by response: borrowing ResponseHead, _ bytes: Span<UInt8>, in fills: FillService) {
        invalidateTargets(response, bytes, in: fills)
        invalidateGroups(response, bytes, in: fills)
    }

    private func invalidateTargets(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, in fills: FillService) {
        guard fills.cache.isStoring, runtime.storesAnything else { return }
        // The response's bytes and the request's own.
        let own = self.bytes
        let authority = own.extracting(head.authority)
        let path = own.extracting(head.path)
        var targets: [[UInt8]] = entry?.mayHaveStored == true ? [target] : []
        let schemeName = scheme.name
        for field in response.fields where field.known == .location || field.known == .contentLocation {
            var target: [UInt8] = []
            let isSame = InvalidatedReference.appendPath(
                of: bytes.extracting(field.value), scheme: schemeName.span, authority: authority, path: path,
                into: &target)
            if isSame { targets.append(target) }
        }
        for target in targets {
            let url = String(decoding: schemeName + Array("://".utf8) + authority.copied() + target, as: UTF8.self)
            invalidate(url: url, in: fills)
        }
    }

    /// Invalidates what GET and HEAD of a URL are answered with.
    private func invalidate(url: String, in fills: FillService) {
        do throws(SyntheticRequestFault) {
            let match = try fills.composer.compose(try SyntheticRequest(url: url), by: runtime.table)
            guard runtime.entries[match.route].mayHaveStored else { return }
            let keys = fills.searchRules.keys(of: &fills.composer, by: runtime.table.recipes[match.route])
            fills.cache.invalidate(keys, at: fills.wallTime)
        } catch {
            // A URL that no request could have is stored nowhere.
        }
    }

    private func invalidateGroups(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, in fills: FillService) {
        guard response.contains(.cacheGroupInvalidation), fills.cache.isStoring, runtime.storesAnything else { return }
        let authority = self.bytes.extracting(head.authority)
        let schemeName = scheme.name
        let origin = GroupOrigin(scheme: schemeName.span, authority: authority)
        var names: [InvalidationName] = []
        for field in response.fields where field.known == .cacheGroupInvalidation {
            let value = bytes.extracting(field.value)
            guard var groups = CacheGroups(field: value) else { return }
            while let range = groups.next(in: value) {
                names.append(.group(value.extracting(range), of: origin))
            }
        }
        fills.cache.invalidate(groups: names, at: fills.wallTime)
    }
}
