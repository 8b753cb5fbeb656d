// The path that an upstream is asked for, where it isn't the client's: the path of the upstream's URL, then what `strip` or
// `rewrite` makes of the client's path.
//
// Values go in as the client sent them, in their normal form (RFC 3986 §6.2.2), so that what is asked for has one spelling.
// What would read as something else than the segments that the client named is refused: `//` or `/\` at the beginning, which
// some origins take for a host, and dot segments that come about where values and text meet.

import Bytes
import Configuration
import HTTPWire

/// Compiled when a configuration is taken on.
package struct ForwardedPath: Sendable {
    private enum Rule: Sendable {
        case unchanged
        case strip(segments: Int)
        case rewrite(RewrittenPath)
    }

    private let base: [UInt8]
    private let rule: Rule

    /// Nil if the client's path goes on as it is.
    /// - Parameter basePath: of the route's upstream.
    package init?(_ route: Route, basePath: String) {
        base = Array(basePath.utf8)
        switch route.forwarding {
        case .unchanged:
            guard !base.isEmpty else { return nil }
            rule = .unchanged
        case .strip(let prefix): rule = .strip(segments: prefix.segments.count)
        case .rewrite(let template): rule = .rewrite(RewrittenPath(template, of: route))
        }
    }

    /// Appends the path.
    /// - Returns: false if there is none that would be read as it is meant; then what was appended is of no use.
    package func append(
        _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ match: RouteMatch, to output: inout ByteBuffer
    ) -> Bool {
        let start = output.count
        output.append(base)
        switch rule {
        case .unchanged: appendPath(bytes, head.path, to: &output)
        case .strip(let segments):
            output.appendNormalized(bytes, remainder(of: head.path, after: segments, bytes))
        case .rewrite(let template): template.append(bytes, match, to: &output)
        }
        if output.count == start { output.append(UInt8(ascii: "/")) }
        let path = output.span.extracting(start...)
        if path.count > 1, path[1] == UInt8(ascii: "/") || path[1] == UInt8(ascii: "\\") { return false }
        if case .refused = TargetPath.form(of: path, in: ByteRange(0, path.count)) { return false }
        return true
    }

    /// The path, for those who keep it; nil if it is refused.
    package func text(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ match: RouteMatch) -> [UInt8]? {
        var output = ByteBuffer()
        return append(head, bytes, match, to: &output) ? output.span.copied() : nil
    }

    /// RFC 3986 §6.2.3: no path is `/`.
    private func appendPath(_ bytes: Span<UInt8>, _ path: ByteRange, to output: inout ByteBuffer) {
        if path.isEmpty { output.append(UInt8(ascii: "/")) } else { output.appendNormalized(bytes, path) }
    }

    /// Without so many segments, each with the slash before it.
    private func remainder(of path: ByteRange, after segments: Int, _ bytes: Span<UInt8>) -> ByteRange {
        var index = path.lower
        for _ in 0..<segments where index < path.upper {
            index += 1
            while index < path.upper, bytes[index] != UInt8(ascii: "/") { index += 1 }
        }
        return ByteRange(index, path.upper)
    }
}

/// A path with the values of a route's parameters in it.
struct RewrittenPath: Sendable {
    enum Piece: Sendable {
        case literal(Range<Int>)
        /// - dropsSlash: where it is missing, the slash before it is too.
        case parameter(index: Int, dropsSlash: Bool)
    }

    private var pieces: [Piece] = []
    private var text: [UInt8] = []

    init(_ template: PathTemplate, of route: Route) {
        let names = route.parameterNames
        for segment in template.segments {
            add("/")
            for piece in segment {
                switch piece {
                case .literal(let literal): add(literal)
                case .parameter(let name): add(parameter: name, of: names, dropsSlash: segment.count == 1)
                }
            }
        }
    }

    private mutating func add(_ literal: String) {
        let start = text.count
        text += literal.utf8
        if case .literal(let range)? = pieces.last {
            pieces[pieces.count - 1] = .literal(range.lowerBound..<text.count)
        } else {
            pieces.append(.literal(start..<text.count))
        }
    }

    private mutating func add(parameter name: String, of names: [String], dropsSlash: Bool) {
        guard let index = names.firstIndex(of: name) else {
            preconditionFailure("a checked template names parameters of its route")
        }
        pieces.append(.parameter(index: index, dropsSlash: dropsSlash))
    }

    func append(_ bytes: Span<UInt8>, _ match: RouteMatch, to output: inout ByteBuffer) {
        let text = self.text
        for piece in pieces {
            switch piece {
            case .literal(let range): output.append(text.span.extracting(range))
            case .parameter(let index, let dropsSlash):
                if match.isMissing(at: index) {
                    if dropsSlash { output.removeLast(1) }
                } else {
                    output.appendNormalized(bytes, match.parameter(at: index))
                }
            }
        }
    }
}
