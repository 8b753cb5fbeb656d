// The cache key of a request: its text, and the MD5 of it that names the entry in every store.
//
// Without a template the text is `METHOD scheme://authority/path?query`, with GET for HEAD, scheme and authority in
// lower case, the scheme's default port removed, path and query in the normal form of RFC 3986 §6.2.2, followed for
// methods with content by ` body:`, its MD5 and its `ContentMetadata`. No target contains a space, so
// no target can forge a content digest. A trailing dot of the host is kept: it matches the same route, but the origin
// may respond differently.
//
// With `cache.key` the text follows that template. A value that is missing or empty, and has no default, makes
// the request one without a key, and so does one that is there twice. `KeyRecipe` explains why values can't forge keys. Where the template
// doesn't contain the content of a POST or QUERY, ` body:` follows as above, and where it doesn't contain the method,
// ` method:` with every one but GET and HEAD.

import Bytes
import HTTPSemantics
import HTTPWire

/// The scheme that the client used, which an origin-form target doesn't contain.
package enum URIScheme: Sendable {
    case http
    case https

    package var text: StaticString { self == .http ? "http" : "https" }
}

/// Composes one key at a time in reusable buffers: once they have grown, nothing is allocated. Used by one worker.
///
/// A span of a class's property can't outlive the access: an owner that is a class uses `withText`, or passes the
/// composer on as `borrowing`.
package struct KeyComposer: ~Copyable {
    private var writer = KeyWriter()
    private var variant = ByteBuffer()
    /// Why the request has no key of its own; `text` is to be used for nothing then.
    package var fault: KeyFault? { writer.fault }
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
    ///   - match: the match of the `RouteTable` for the same bytes; `recipe` must be its route's.
    ///   - body: the MD5 of the content if `recipe.needsBody(for:)`, even if the content is empty; nil otherwise.
    package mutating func compose(
        _ head: borrowing RequestHead, in bytes: Span<UInt8>, scheme: URIScheme, match: RouteMatch,
        by recipe: KeyRecipe, body: MD5Digest?
    ) {
        let request = KeyRequest(scheme: scheme, match: match, body: body)
        writer.write(head, bytes, request, recipe)
        digest = MD5Hasher.digest(of: writer.text.span)
    }

    // MARK: Equivalent queries

    // A response may say which differences between queries don't matter to it (No-Vary-Search). Then ` search:`, that
    // rule, `?` and the query in the rule's normal form replace the query in its key. The rule is part of the text:
    // what was stored under one rule is never found under another, and no target contains a space, so none can forge
    // such a text.

    /// The end of the path in the text composed last, where the query begins if there is one; nil with a template.
    package var pathEnd: Int? { writer.pathEnd }

    /// Replaces the query in the text composed last, which must be a GET's without a template, by its normal form under
    /// a rule.
    /// - Parameters:
    ///   - rule: the rule as text.
    ///   - query: the query in the rule's normal form; only characters that are valid in a target.
    package mutating func replaceQuery(rule: Span<UInt8>, query: Span<UInt8>) {
        writer.replaceQuery(rule, query)
        digest = MD5Hasher.digest(of: writer.text.span)
    }

    // MARK: Variants

    // One more text per variant of a response with Vary: the key text, ` vary:` with the generation of the list of
    // names, then each name with the request's normalised value. Apart from the delimiters, what follows the key text
    // consists of unreserved characters, so that no value can forge another variant.

    /// Begins the key of a variant of the key composed last.
    package mutating func beginVariant(generation: UInt64) {
        variant.removeAll()
        variant.append(writer.text)
        variant.append(" vary:")
        variant.append(decimal: generation)
    }

    /// - Parameters:
    ///   - name: a name that Vary lists, in lower case.
    ///   - value: normalised; nil if the request has no such field.
    package mutating func appendVariant(name: Span<UInt8>, value: Span<UInt8>?) {
        variant.append(UInt8(ascii: " "))
        variant.appendValue(name)
        guard let value else { return }
        variant.append(UInt8(ascii: "="))
        variant.appendValue(value)
    }

    /// The MD5 of the variant's text.
    package borrowing func finishVariant() -> MD5Digest { MD5Hasher.digest(of: variant.span) }

    /// The text of the variant composed last.
    package var variantText: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { variant.span }
    }
}

extension KeyRecipe {
    /// Whether the content is part of the key of a request with this method.
    package func needsBody(for method: Method) -> Bool {
        switch method {
        case .post, .query, .put, .patch, .other: return true
        // Content has no defined meaning for these (RFC 9110 §9.3.1, §9.3.5); a caller that forwards it must not store
        // the response.
        case .get, .head, .delete, .connect, .options, .trace: return needsBody
        }
    }
}
