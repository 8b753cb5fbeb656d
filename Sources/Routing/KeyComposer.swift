// The key of a request: its text, and the MD5 under which the entry stands in every store.
//
// Without a template the text is `METHOD scheme://authority/path?query`, HEAD taken as GET, scheme and authority in
// lower case, the scheme's own port dropped, path and query in the normal form of RFC 3986 §6.2.2, and for methods
// with content ` body:` and its MD5, for QUERY with what `ContentMetadata` says of it. No target holds a space, so no
// target can write a body's digest into its key. A dot at the end of the host stays: it finds the same route, but the
// origin may answer otherwise.
//
// With `cache.key` the text is that template. A value that is missing and has no default is empty, and so the same as
// an empty one: a template that names an optional part should say its default. `KeyRecipe` says why values can't
// forge keys.

import Bytes
import HTTPSemantics
import HTTPWire

/// The scheme that the client used, which no head in origin-form says.
package enum URIScheme: Sendable {
    case http
    case https

    package var text: StaticString { self == .http ? "http" : "https" }
}

/// Makes one key at a time in buffers that it keeps: once they have grown, nothing is allocated. Belongs to one
/// worker.
///
/// A span can't be taken out of a class's property for longer than a call: an owner that is a class uses `withText`,
/// or passes the composer on as `borrowing`.
package struct KeyComposer: ~Copyable {
    private var writer = KeyWriter()
    private var variant = ByteBuffer()
    /// The MD5 of `text`.
    package private(set) var digest = MD5Digest(high: 0, low: 0)

    package init() {}

    /// The key text composed last.
    package var text: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { writer.text.span }
    }

    package borrowing func withText<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result { try body(writer.text.span) }

    /// Composes `text` and `digest`.
    /// - Parameters:
    ///   - head: parsed from `bytes`.
    ///   - match: the answer of the `RouteTable` for the same bytes, whose recipe `recipe` is.
    ///   - body: the MD5 of the content where `recipe.needsBody(for:)` asks for it, also if that is empty; nil
    ///     otherwise.
    package mutating func compose(
        _ head: borrowing RequestHead, in bytes: Span<UInt8>, scheme: URIScheme, match: RouteMatch,
        by recipe: KeyRecipe, body: MD5Digest?
    ) {
        let request = KeyRequest(scheme: scheme, match: match, body: body)
        writer.write(head, bytes, request, recipe)
        digest = MD5Hasher.digest(of: writer.text.span)
    }

    // MARK: Queries that differ in nothing that matters

    // A response may say which differences of the query don't matter to it (No-Vary-Search). The query in its key then
    // gives way to ` search:`, that rule, `?` and the query in the rule's normal form. The rule stands in the text: what
    // was stored by one rule is never found by another, and no target holds a space to forge such a text with.

    /// Where the path ends in the text composed last, and its query begins if it has one; nil where a template made it.
    package var pathEnd: Int? { writer.pathEnd }

    /// Makes of the text composed last, a GET's without template, the one for its query by a rule.
    /// - Parameters:
    ///   - rule: the rule as text.
    ///   - query: the query in the rule's normal form, with nothing in it that a target can't hold.
    package mutating func replaceQuery(rule: Span<UInt8>, query: Span<UInt8>) {
        writer.replaceQuery(rule, query)
        digest = MD5Hasher.digest(of: writer.text.span)
    }

    // MARK: Variants

    // One more text per variant of a response with Vary: the key text, ` vary:` with the generation of the list of
    // names, then each name with the request's normalised value. What follows the key text is made of unreserved
    // characters but for the signs that part it, so that no value can forge another variant.

    /// Begins the key of a variant of what `compose` made last.
    package mutating func beginVariant(generation: UInt64) {
        variant.removeAll()
        variant.append(writer.text)
        variant.append(" vary:")
        variant.append(decimal: generation)
    }

    /// - Parameters:
    ///   - name: a name that Vary lists, in lower case.
    ///   - value: normalised; nil where the request has no such field.
    package mutating func appendVariant(name: Span<UInt8>, value: Span<UInt8>?) {
        variant.append(UInt8(ascii: " "))
        variant.appendValue(name, ByteRange(0, name.count), .none, escape: 0)
        guard let value else { return }
        variant.append(UInt8(ascii: "="))
        variant.appendValue(value, ByteRange(0, value.count), .none, escape: 0)
    }

    /// The MD5 of the variant's text.
    package borrowing func finishVariant() -> MD5Digest { MD5Hasher.digest(of: variant.span) }

    /// The text of the variant made last.
    package var variantText: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { variant.span }
    }
}

extension KeyRecipe {
    /// Whether the content takes part in the key of a request with this method.
    package func needsBody(for method: Method) -> Bool {
        guard pieces.isEmpty else { return needsBody }
        switch method {
        case .post, .query, .put, .patch, .other: return true
        // Content of these has no meaning to them (RFC 9110 §9.3.1, §9.3.5); whoever lets it through must not store
        // the answer.
        case .get, .head, .delete, .connect, .options, .trace: return false
        }
    }
}
