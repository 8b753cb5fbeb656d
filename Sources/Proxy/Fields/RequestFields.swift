// `request` of a route: what changes of a request's fields on its way to the origin.

import Bytes
import Configuration
import HTTPWire

/// The changes of one route. One per worker.
final class RequestFields {
    /// Names of which nothing of the client's goes on.
    let removal: FieldRemoval?
    /// What goes on beside the client's own.
    let lines: FieldLines?
    /// Fields whose values the route has from somewhere secret.
    private let secrets: FieldRemoval?

    /// Whether the origin gets another Accept-Encoding, or Accept-Language, than the client sent.
    let changesCodings: Bool
    let changesLanguage: Bool

    /// Nil without changes.
    init?(_ route: Route) {
        let changes = route.request
        guard !changes.isEmpty else { return nil }
        let names = Set((changes.set.map(\.name) + changes.add.map(\.name) + changes.remove).map(FieldChanges.folded))
        changesCodings = names.contains("accept-encoding")
        changesLanguage = names.contains("accept-language")
        removal = FieldRemoval((changes.set.map(\.name) + changes.remove).map { Array($0.utf8) })
        lines = FieldLines(changes, of: route)
        secrets = FieldRemoval((changes.set + changes.add).filter(\.isSecret).map { Array($0.name.utf8) })
    }

    /// Whether the field's value is shown to nobody.
    func hidesValue(of name: Span<UInt8>) -> Bool { secrets?.contains(name) ?? false }

    /// Trailers of the client's that go on.
    func trailers(_ trailers: [UInt8]) -> [UInt8] { removal?.remaining(of: trailers) ?? trailers }
}
