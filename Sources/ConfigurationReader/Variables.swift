// `${NAME}`: values from the environment, so that secrets can stay out of the file.

struct Variables {
    /// Maximum size of one value after expansion.
    static let bytesBound = 1 << 16

    let environment: (String) -> String?

    /// `text` with every `${NAME}` replaced, and every `${NAME:-default}`, whose default holds if the variable is unset or
    /// empty; `$${` is a literal `${`. Expansion is not recursive.
    ///
    /// - Parameter doublesBraces: whether what a variable brings is for a text in which `{` has a meaning and `{{` is one of it.
    /// - Throws: why a variable can't be expanded: it is unset, has no valid name, or is not closed.
    func expand(_ text: String, doublesBraces: Bool = false) throws(VariableFault) -> String {
        var out: [UInt8] = []
        var rest = Array(text.utf8)[...]
        let dollar = UInt8(ascii: "$")
        let brace = UInt8(ascii: "{")
        while let byte = rest.popFirst() {
            if byte == dollar, rest.first == dollar, rest.dropFirst().first == brace {
                out += doublesBraces ? [dollar, brace, brace] : [dollar, brace]
                rest = rest.dropFirst(2)
            } else if byte == dollar, rest.first == brace {
                guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else { throw VariableFault.unclosed }
                let (name, standIn) = Variables.split(rest[(rest.startIndex + 1)..<end])
                rest = rest[(end + 1)...]
                guard Variables.isName(name) else { throw VariableFault.notAName(name) }
                var value = environment(name)
                if let standIn, value?.isEmpty ?? true { value = standIn }
                guard let value else { throw VariableFault.unset(name) }
                out +=
                    doublesBraces
                    ? value.utf8.flatMap { $0 == brace || $0 == brace + 2 ? [$0, $0] : [$0] } : Array(value.utf8)
                guard out.count <= Variables.bytesBound else { throw VariableFault.tooLong }
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The name, and what stands after `:-`.
    private static func split(_ inside: ArraySlice<UInt8>) -> (name: String, standIn: String?) {
        guard let colon = inside.firstIndex(of: UInt8(ascii: ":")),
            inside[colon...].dropFirst().first == UInt8(ascii: "-")
        else { return (String(decoding: inside, as: UTF8.self), nil) }
        return (
            String(decoding: inside[..<colon], as: UTF8.self), String(decoding: inside[(colon + 2)...], as: UTF8.self)
        )
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}

enum VariableFault: Error {
    case unset(String)
    case notAName(String)
    case unclosed
    case tooLong
}
