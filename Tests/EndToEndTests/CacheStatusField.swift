import TestSupport

// `Cache-Status` as RFC 9211 has it: a structured field, read to the letter of RFC 9651 §4.2.1, so that a test that reads
// it fails where another program's parser would.

/// One member: who says it, and its parameters.
struct CacheStatusMember: Sendable, CustomStringConvertible {
    enum Value: Equatable, Sendable {
        case integer(Int)
        case token(String)
        case string(String)
        case boolean(Bool)
    }

    let cache: String
    let parameters: [String: Value]

    var isHit: Bool { parameters["hit"] == .boolean(true) }
    var isStored: Bool { parameters["stored"] == .boolean(true) }
    var isCollapsed: Bool { parameters["collapsed"] == .boolean(true) }
    /// Why the request went forward.
    var forward: String? { if case .token(let text)? = parameters["fwd"] { text } else { nil } }
    var forwardStatus: Int? { if case .integer(let status)? = parameters["fwd-status"] { status } else { nil } }
    var timeToLive: Int? { if case .integer(let seconds)? = parameters["ttl"] { seconds } else { nil } }
    var detail: String? {
        switch parameters["detail"] {
        case .token(let text)?, .string(let text)?: text
        case .integer?, .boolean?, nil: nil
        }
    }
    var description: String { "\(cache) \(parameters)" }
}

extension Response {
    /// The members of all its lines, the one nearest to the client last.
    var cacheStatusMembers: [CacheStatusMember] {
        get throws {
            var reader = StructuredListReader(Array((self["Cache-Status"] ?? "").utf8))
            return try reader.readMembers()
        }
    }

    /// Larder's own member: the last one, of which there is one.
    var cacheStatus: CacheStatusMember {
        get throws {
            let members = try cacheStatusMembers
            guard let last = members.last, last.cache == "larder" else {
                throw HarnessError("Larder's member is not the last one: \(raw.text)")
            }
            // RFC 9211 §2.2: hit and fwd exclude each other.
            guard !(last.isHit && last.forward != nil) else {
                throw HarnessError("both hit and fwd: \(raw.text)")
            }
            return last
        }
    }
}

/// A list of tokens or strings with parameters.
private struct StructuredListReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func fault(_ what: String) -> HarnessError {
        HarnessError("\(what) at \(position) of \(bytes.text.debugDescription)")
    }

    private mutating func skip(_ characters: String) {
        while let next, characters.utf8.contains(next) { position += 1 }
    }

    mutating func readMembers() throws -> [CacheStatusMember] {
        var members: [CacheStatusMember] = []
        skip(" ")
        while next != nil {
            let cache: String
            switch try readItem() {
            case .token(let text), .string(let text): cache = text
            case .integer, .boolean: throw fault("a member that is neither token nor string")
            }
            members.append(CacheStatusMember(cache: cache, parameters: try readParameters()))
            skip(" \t")
            guard let separator = next else { break }
            guard separator == UInt8(ascii: ",") else { throw fault("no comma") }
            position += 1
            skip(" \t")
            if next == nil { throw fault("a comma at the end") }
        }
        return members
    }

    private mutating func readParameters() throws -> [String: CacheStatusMember.Value] {
        var parameters: [String: CacheStatusMember.Value] = [:]
        while next == UInt8(ascii: ";") {
            position += 1
            skip(" ")
            let key = try readKey()
            guard parameters[key] == nil else { throw fault("\(key) twice") }
            if next == UInt8(ascii: "=") {
                position += 1
                parameters[key] = try readItem()
            } else {
                parameters[key] = .boolean(true)
            }
        }
        return parameters
    }

    private mutating func readKey() throws -> String {
        let start = position
        while let next, "abcdefghijklmnopqrstuvwxyz0123456789_-.*".utf8.contains(next) { position += 1 }
        guard position > start, !"0123456789-.".utf8.contains(bytes[start]) else { throw fault("no key") }
        return Array(bytes[start..<position]).text
    }

    private mutating func readItem() throws -> CacheStatusMember.Value {
        guard let first = next else { throw fault("no value") }
        switch first {
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try readInteger()
        case UInt8(ascii: "\""): return try readString()
        case UInt8(ascii: "?"):
            position += 2
            guard position <= bytes.count, "01".utf8.contains(bytes[position - 1]) else { throw fault("no boolean") }
            return .boolean(bytes[position - 1] == UInt8(ascii: "1"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "*"):
            let start = position
            while let next, next > 0x20, next < 0x7F, !"\"(),;<=>?@[\\]{}".utf8.contains(next) { position += 1 }
            return .token(Array(bytes[start..<position]).text)
        default: throw fault("no value")
        }
    }

    private mutating func readInteger() throws -> CacheStatusMember.Value {
        let start = position
        if next == UInt8(ascii: "-") { position += 1 }
        while let next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { position += 1 }
        guard let integer = Int(Array(bytes[start..<position]).text), position - start <= 16 else {
            throw fault("no integer")
        }
        return .integer(integer)
    }

    private mutating func readString() throws -> CacheStatusMember.Value {
        position += 1
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return .string(text.text)
            case UInt8(ascii: "\\"):
                guard let escaped = next, "\"\\".utf8.contains(escaped) else { throw fault("a wrong escape") }
                position += 1
                text.append(escaped)
            case 0x20..<0x7F: text.append(byte)
            default: throw fault("a character that no string has")
            }
        }
        throw fault("a string without its end")
    }
}
