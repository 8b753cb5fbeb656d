// Iterates over the directives of a `Cache-Control` field value (RFC 9111 §5.2), as lenient as recipients must be: any
// case, token and quoted forms, spaces, empty list elements. It interprets no directive. An unclosed quote does not
// hide the rest of the list: the directive is malformed and parsing continues at the next comma, so that a `no-store`
// after it is still found.

import Bytes

/// The argument after a directive's `=`, as a range of the parsed bytes, without quotes.
enum DirectiveArgument: Equatable {
    case none
    case token(Range<Int>)
    case quoted(Range<Int>)
    case malformed
}

struct Directive: Equatable {
    var name: Range<Int>
    var argument: DirectiveArgument
}

struct DirectiveWalker {
    private var position = 0

    mutating func next(in bytes: Span<UInt8>) -> Directive? {
        while position < bytes.count, bytes[position] == 0x2C || bytes[position].isWhitespace { position += 1 }
        guard position < bytes.count else { return nil }
        let start = position
        while position < bytes.count, bytes[position] != 0x2C, bytes[position] != 0x3D { position += 1 }
        let name = bytes.trimming(start..<position)
        guard position < bytes.count, bytes[position] == 0x3D else { return Directive(name: name, argument: .none) }
        position += 1
        return Directive(name: name, argument: argument(in: bytes))
    }

    private mutating func argument(in bytes: Span<UInt8>) -> DirectiveArgument {
        while position < bytes.count, bytes[position].isWhitespace { position += 1 }
        guard position < bytes.count, bytes[position] == 0x22 else {
            let token = restOfElement(in: bytes)
            return token.isEmpty ? .malformed : .token(token)
        }
        let open = position
        position += 1
        while position < bytes.count, bytes[position] != 0x22 {
            position += bytes[position] == 0x5C ? 2 : 1
        }
        guard position < bytes.count else {
            position = open
            _ = restOfElement(in: bytes)
            return .malformed
        }
        let content = (open + 1)..<position
        position += 1
        return restOfElement(in: bytes).isEmpty ? .quoted(content) : .malformed
    }

    private mutating func restOfElement(in bytes: Span<UInt8>) -> Range<Int> {
        let start = position
        while position < bytes.count, bytes[position] != 0x2C { position += 1 }
        return bytes.trimming(start..<position)
    }
}
