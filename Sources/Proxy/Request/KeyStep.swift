// The key: from the target alone, or from the content too where the method has any (POST, QUERY, `{body}`).

import Bytes
import CacheStorage
import HTTPCaching
import HTTPWire
import Routing

extension Transaction {
    /// Reads content until it is complete or longer than a key may be made of; then the request passes by the cache, the
    /// part that was read first.
    func readKeyedBody() -> Progress {
        detach()
        content.isCollecting = true
        if head.expectsContinue { client?.sendContinue() }
        takeKeptContent()
        return contentProgress()
    }

    /// After more content was collected.
    func contentProgress() -> Progress {
        guard isLive, let entry else { return .done }
        if content.collected.count > entry.bodyKeyLimit {
            content.isCollecting = false
            content.collectedIsPrefix = true
            return pass(.tooLarge)
        }
        guard content.isComplete else {
            client?.awaitContent()
            return .wait
        }
        content.isCollecting = false
        return .next(.key)
    }

    func composeKey() -> Progress {
        let worker = self.worker
        composePlainText()
        if !worker.shared.searchRules.isEmpty { findSearchRule() }
        let digest = worker.composer.digest
        key = CacheKey(high: digest.high, low: digest.low)
        plainKey = key
        isKeyTextKept = false
        plainTextCount = worker.composer.text.count
        return .next(.lookUp)
    }

    func bodyDigest(_ recipe: KeyRecipe) -> MD5Digest? {
        guard recipe.needsBody(for: head.method) else { return nil }
        let collected = content.collected
        return MD5Hasher.digest(of: collected.span)
    }

    /// Replaces the key by that of the variant which the marker's names select (RFC 9111 §4.1).
    func composeVariantKey(_ marker: StoredResponse) {
        self.marker = marker
        isKeyTextKept = false
        selectVariant(names: marker.varyNames, generation: marker.id)
    }

    /// The key text of the variant becomes the composer's own variant text.
    func selectVariant(names: Span<UInt8>, generation: UInt64) {
        // A lookup may have waited since the plain key was composed, and other requests came in between.
        let bytes = self.bytes
        composePlainText()
        worker.composer.beginVariant(generation: generation)
        var walker = VaryNames()
        while let member = walker.next(in: names) {
            guard case .name(let range) = member else { continue }
            let name = names.extracting(range)
            var text: [UInt8] = []
            var variant = VariantKey(field: name, into: &text)
            // What Connection names ends here: the origin doesn't answer by it.
            for field in head.fields
            where bytes.extracting(field.name).isSameName(as: name) && !head.isNamedByConnection(field, in: bytes) {
                variant.add(bytes.extracting(field.value), into: &text)
            }
            variant.end(into: &text)
            worker.composer.appendVariant(name: name, value: text.span)
        }
        let digest = worker.composer.finishVariant()
        key = CacheKey(high: digest.high, low: digest.low)
    }
}
