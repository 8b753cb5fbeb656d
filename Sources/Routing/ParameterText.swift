// Writes texts that are made of a route's path parameters: tags, and targets that a write invalidates.

import Bytes
import Configuration
import HTTPWire

/// A compiled ``ParameterTemplate`` of one route.
package struct ParameterText: Sendable {
    private enum Piece: Sendable {
        case literal([UInt8])
        case parameter(index: Int)
    }

    private let pieces: [Piece]

    /// - Parameter names: the parameters of the route, in the order in which a match has them. Those of the template are among
    ///   them.
    package init(_ template: ParameterTemplate, parameters names: [String]) {
        pieces = template.pieces.map { piece in
            switch piece {
            case .literal(let bytes): return .literal(bytes)
            case .parameter(let name):
                guard let index = names.firstIndex(of: name) else {
                    preconditionFailure("a checked template names only parameters of its route")
                }
                return .parameter(index: index)
            }
        }
    }

    /// Appends a tag. Values are percent-encoded as in keys, so that none can end the tag and begin another one.
    /// - Parameter bytes: of the request that `match` belongs to.
    package func appendTag(_ bytes: Span<UInt8>, _ match: RouteMatch, to text: inout ByteBuffer) {
        for piece in pieces {
            switch piece {
            case .literal(let literal): text.append(literal)
            case .parameter(let index):
                text.appendValue(bytes, match.parameter(at: index), .path, escape: 0, keepsSlashes: true)
            }
        }
    }

    /// A target in its normal form: path, and query if the template has one.
    package func target(_ bytes: Span<UInt8>, _ match: RouteMatch) -> [UInt8] {
        var text = ByteBuffer()
        var isInQuery = false
        for piece in pieces {
            switch piece {
            case .literal(let literal):
                let literal = literal.span
                text.appendNormalized(literal, ByteRange(0, literal.count))
                if Scan.first(UInt8(ascii: "?"), in: literal, from: 0, to: literal.count) < literal.count {
                    isInQuery = true
                }
            case .parameter(let index) where isInQuery:
                // `&` and `=` mean nothing in a path.
                text.appendValue(bytes, match.parameter(at: index), .path, escape: 0)
            case .parameter(let index): text.appendNormalized(bytes, match.parameter(at: index))
            }
        }
        return text.span.copied()
    }
}
