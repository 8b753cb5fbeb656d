import Foundation

/// JSON as tests look into it.
package struct JSON: CustomStringConvertible {
    package let value: Any?

    package init(parsing bytes: [UInt8]) throws {
        value = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
    }

    private init(_ value: Any?) { self.value = value }

    package subscript(_ key: String) -> JSON { JSON((value as? [String: Any])?[key]) }
    package subscript(_ index: Int) -> JSON {
        guard let list = value as? [Any], list.indices.contains(index) else { return JSON(nil) }
        return JSON(list[index])
    }
    package var int: Int? { (value as? NSNumber)?.intValue }
    package var double: Double? { (value as? NSNumber)?.doubleValue }
    package var string: String? { value as? String }
    package var list: [JSON]? { (value as? [Any])?.map { JSON($0) } }
    package var keys: [String] { ((value as? [String: Any])?.keys).map { $0.sorted() } ?? [] }
    package var exists: Bool { value != nil && !(value is NSNull) }
    package var description: String {
        guard let value,
            let data = try? JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys])
        else { return "nothing" }
        return String(decoding: data, as: UTF8.self)
    }
}
