// Takes comments and the insides of string literals out of Swift source, line by line. Interpolations count as text, raw
// strings as plain ones.

struct CodeStripper {
    private enum State: Equatable {
        case code
        case comment(depth: Int)
        case longString
    }

    /// What the end of one line means to the next.
    private var state = State.code

    mutating func code(of line: String) -> String {
        var kept: [UInt8] = []
        var rest = Array(line.utf8)[...]
        while let byte = rest.first {
            switch state {
            case .comment(let depth):
                if rest.starts(with: Self.commentEnd) {
                    state = depth == 1 ? .code : .comment(depth: depth - 1)
                    rest = rest.dropFirst(2)
                } else if rest.starts(with: Self.commentStart) {
                    state = .comment(depth: depth + 1)
                    rest = rest.dropFirst(2)
                } else {
                    rest = rest.dropFirst()
                }
            case .longString:
                if rest.starts(with: Self.longQuote) {
                    state = .code
                    rest = rest.dropFirst(3)
                } else {
                    rest = rest.dropFirst(byte == Self.backslash ? 2 : 1)
                }
            case .code:
                if rest.starts(with: Self.lineComment) { return String(decoding: kept, as: UTF8.self) }
                if rest.starts(with: Self.commentStart) {
                    state = .comment(depth: 1)
                    rest = rest.dropFirst(2)
                } else if rest.starts(with: Self.longQuote) {
                    state = .longString
                    rest = rest.dropFirst(3)
                } else if byte == Self.quote {
                    rest = Self.afterString(rest.dropFirst())
                } else {
                    kept.append(byte)
                    rest = rest.dropFirst()
                }
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }

    /// What follows the closing quote; nothing where there is none.
    private static func afterString(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = bytes
        while let byte = rest.first {
            rest = rest.dropFirst(byte == backslash ? 2 : 1)
            if byte == quote { break }
        }
        return rest
    }

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")
    private static let longQuote = Array("\"\"\"".utf8)
    private static let lineComment = Array("//".utf8)
    private static let commentStart = Array("/*".utf8)
    private static let commentEnd = Array("*/".utf8)
}
