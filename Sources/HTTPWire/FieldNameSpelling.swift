// Names of fields that aren't known, compared as servers read them.

import Bytes

extension Span<UInt8> {
    /// Whether it is that name, which is in lower case (RFC 9110 §5.1).
    /// - Parameter takingUnderscores: many servers take `_` in a name for `-`.
    package func isFieldName(_ name: Span<UInt8>, takingUnderscores: Bool) -> Bool {
        guard count == name.count else { return false }
        for index in name.indices where self[index].lowercased != name[index] {
            guard takingUnderscores, self[index] == UInt8(ascii: "_"), name[index] == UInt8(ascii: "-") else {
                return false
            }
        }
        return true
    }
}
