// What a value that is refused shows of a mistake that could be made in any value.

enum ValueAdvice {
    /// What to write instead, for the text as it stands in the file.
    static func hint(for text: String) -> String? {
        if let quote = text.unicodeScalars.first, isTypographicQuote(quote) {
            return "\(String(quote)) is a typographic quote: write \" or leave the quotes out"
        }
        if let space = OddSpace.first(in: text) { return "the value contains \(space.name): use ordinary spaces" }
        if let name = bareVariable(in: text) { return "write ${\(name)} for an environment variable" }
        return nil
    }

    /// For `key:value`, which is text and no mapping.
    static func missingSpace(in node: YAMLNode) -> String? {
        guard case .scalar(let text, true) = node.content, let colon = text.firstIndex(of: ":"),
            colon != text.startIndex,
            text[..<colon].utf8.allSatisfy({ $0.isWordByte })
        else { return nil }
        return "add a space after the colon: \(text[..<colon]): \(text[text.index(after: colon)...].prefix(40))"
    }

    static func isTypographicQuote(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2018...0x201f, 0x00ab, 0x00bb, 0x2039, 0x203a, 0x300c, 0x300d: true
        default: false
        }
    }

    /// The name of a `$NAME` in capitals, as shells write it.
    private static func bareVariable(in text: String) -> String? {
        guard let dollar = text.utf8.firstIndex(of: UInt8(ascii: "$")) else { return nil }
        let name = text.utf8[text.utf8.index(after: dollar)...].prefix {
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || $0 == UInt8(ascii: "_")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        // `$1` is a group of a regular expression.
        guard let first = name.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return nil }
        return String(decoding: name, as: UTF8.self)
    }
}

extension UInt8 {
    /// A letter, a digit, `_` or `-`.
    fileprivate var isWordByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
