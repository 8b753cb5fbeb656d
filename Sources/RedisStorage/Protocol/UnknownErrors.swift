// Error replies whose meaning Larder doesn't know: the text of each kind once, for the log. What stands in quotes is left out,
// since Redis quotes arguments of commands, which are keys and responses of clients.

/// The kinds seen so far. A value.
struct UnknownErrors {
    private var kinds: Set<String> = []

    /// Further kinds aren't told.
    static let limit = 16
    static let longestText = 160

    /// - Returns: what to tell of an error; nil if its kind was told before.
    mutating func note(_ text: Span<UInt8>) -> String? {
        guard kinds.count < Self.limit else { return nil }
        let kind = Self.kind(of: text)
        return kinds.insert(kind).inserted ? kind : nil
    }

    /// The text without what is different from one error of a kind to the next.
    static func kind(of text: Span<UInt8>) -> String {
        var kind: [UInt8] = []
        var quote: UInt8?
        var last = UInt8(ascii: " ")
        for index in 0..<min(text.count, Self.longestText) {
            let byte = text[index]
            defer { last = byte }
            if let open = quote {
                guard byte == open else { continue }
                quote = nil
                kind.append(byte)
                continue
            }
            switch byte {
            case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"):
                // Not an apostrophe.
                if last == UInt8(ascii: " ") || last == UInt8(ascii: ":") || last == UInt8(ascii: "(") { quote = byte }
                kind.append(byte)
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if kind.last != UInt8(ascii: "#") { kind.append(UInt8(ascii: "#")) }
            case 0x20..<0x7F: kind.append(byte)
            default: kind.append(UInt8(ascii: "?"))
            }
        }
        return String(decoding: kind, as: UTF8.self)
    }
}
