// What a route needs to share its entries with programs that read and write bare JSON (`cache.record: json`): which request
// fields make no difference between requests of one key, and which response fields the route itself writes.

import Bytes
import CacheStorage
import Configuration
import HTTPCaching
import HTTPSemantics
import HTTPWire

/// One route's. One per worker.
final class JSONRoute {
    /// The longest life of an entry.
    let longest: Seconds
    /// Names in lower case.
    private let fixed: [[UInt8]]
    private let replaced: FieldRemoval?

    /// The form in which the route's entries are stored.
    var form: RecordForm { .json(longest: longest.milliseconds) }

    /// Nil where the route's records are whole.
    /// - Parameter asked: the route with ``asking(_:)``.
    init?(_ asked: Route) {
        guard let cache = asked.cache, cache.record == .json, let timeout = cache.timeout else { return nil }
        longest = Seconds(roundingUp: timeout)
        let added = Set(asked.request.add.map { FieldChanges.folded($0.name) })
        var fixed = Set(asked.request.remove.map(FieldChanges.folded))
        for line in asked.request.set where line.value.isSameForAll { fixed.insert(FieldChanges.folded(line.name)) }
        for case .header(let name, _) in cache.key?.pieces ?? [] { fixed.insert(FieldChanges.folded(name)) }
        self.fixed = fixed.subtracting(added).map { Array($0.utf8) }
        replaced = FieldRemoval((asked.response.set.map(\.name) + asked.response.remove).map { Array($0.utf8) })
    }

    /// The route as it asks its upstream: for content without a coding, which all clients are given alike.
    static func asking(_ route: Route) -> Route {
        let name = "Accept-Encoding"
        let changes = route.request
        let named = changes.set.map(\.name) + changes.add.map(\.name) + changes.remove
        guard route.cache?.record == .json, !named.contains(where: { FieldChanges.folded($0) == "accept-encoding" }),
            let value = try? FieldValue(parsing: "identity", path: nil)
        else { return route }
        var asking = route
        asking.request.set.append(FieldChanges.Line(name: name, value: value, isSecret: false))
        return asking
    }

    /// Whether a response may be stored as its content alone, and for how long.
    /// - Parameter facts: of the whole response, which may be stored.
    func verdict(
        _ facts: StoredFacts, of response: borrowing ResponseHead, _ bytes: Span<UInt8>, forbidsTransformation: Bool,
        reads: Bool
    ) -> StorageVerdict {
        var check = JSONStorageCheck(status: facts.status, forbidsTransformation: forbidsTransformation)
        for field in response.fields where !response.isNamedByConnection(field, in: bytes) {
            let name = bytes.extracting(field.name)
            check.note(
                field.known, name, bytes.extracting(field.value), isReplaced: replaced?.contains(name) ?? false
            ) { isFixed($0) }
        }
        if let refusal = check.refusal { return .refuse(refusal) }
        return jsonStorageVerdict(facts, longest: longest, reads: reads)
    }

    private func isFixed(_ name: Span<UInt8>) -> Bool {
        for own in fixed where own.span.isSameName(as: name) { return true }
        return false
    }
}

extension FieldValue {
    /// Whether it is the same text in each request of a route.
    fileprivate var isSameForAll: Bool {
        pieces.allSatisfy { piece in
            switch piece {
            case .literal, .route: true
            case .clientAddress, .requestIdentifier, .host, .parameter: false
            }
        }
    }
}
