// Spaces that look like spaces and aren't: what text editors, chat programs and web pages put into a copied file.

enum OddSpace {
    /// What stands for a space in `scalar`; nil for anything else, the ordinary space included.
    static func name(of scalar: Unicode.Scalar) -> String? {
        switch scalar.value {
        case 0x00a0: "a no-break space"
        case 0x202f: "a narrow no-break space"
        case 0x2000...0x200a, 0x3000: "a typographic space"
        case 0x200b, 0x2060, 0xfeff: "an invisible character"
        default: nil
        }
    }

    /// The first one in `text`.
    static func first(in text: some StringProtocol) -> (index: Int, name: String)? {
        for (index, scalar) in text.unicodeScalars.enumerated() {
            if let name = name(of: scalar) { return (index, name) }
        }
        return nil
    }
}
