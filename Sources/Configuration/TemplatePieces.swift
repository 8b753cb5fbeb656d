// What all templates of the file with `{name}` in them have in common: the walk through braces and what stands between them.

/// Splits a template at its braces, in order; the first fault ends it.
/// - Parameters:
///   - what: how messages name it: `the tag`.
///   - takes: throws what is wrong with a byte outside of braces.
///   - literal: makes a piece of the bytes between two references; never of none.
///   - reference: makes a piece of the text between two braces.
func templatePieces<Piece>(
    of text: String, called what: String, takes: (UInt8) throws(ValueFault) -> Void, literal: ([UInt8]) -> Piece,
    reference: (String) throws(ValueFault) -> Piece
) throws(ValueFault) -> [Piece] {
    var pieces: [Piece] = []
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        switch byte {
        case UInt8(ascii: "{"):
            if !bytes.isEmpty { pieces.append(literal(bytes)) }
            bytes = []
            guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
                throw ValueFault("\(what) \(quoted(text)) has an unclosed {")
            }
            pieces.append(try reference(String(decoding: rest[..<end], as: UTF8.self)))
            rest = rest[(end + 1)...]
        case UInt8(ascii: "}"): throw ValueFault("\(what) \(quoted(text)) has an unmatched }")
        default:
            try takes(byte)
            bytes.append(byte)
        }
    }
    if !bytes.isEmpty { pieces.append(literal(bytes)) }
    return pieces
}
