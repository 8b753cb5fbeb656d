// What one purge names, and how it is written in the stream of purges that all Larders of a fleet share. One entry of the
// stream is one purge of any number of things. Whatever isn't understood counts as everything: an older Larder that meets a
// kind of purge which it doesn't know must not go on serving what was purged.

import Bytes

/// One thing that a purge names.
package enum PurgeItem: Sendable, Hashable {
    /// Records with this tag; tags are case-sensitive.
    case tag([UInt8])
    /// Records fetched, or looked up, for the URL with this digest, whatever their keys are made of and whatever the query:
    /// the MD5 of `scheme://authority/path` in the normal form of keys.
    case url(CacheKey)
    /// The record at this key, and its variants.
    case key(CacheKey)
    /// What is looked up for URLs that begin with this text: `scheme://authority/…`, or `/…` for all hosts.
    case prefix([UInt8])
    /// What is looked up for URLs with this authority.
    case host([UInt8])
    /// A group of an origin, which is given as `scheme://authority` (RFC 9875 §2).
    case group(origin: [UInt8], name: [UInt8])
    case everything
}

/// An atomic purge.
package struct Purge: Sendable, Hashable {
    package var items: [PurgeItem]
    /// Whether what it names becomes stale, instead of absent.
    package var isSoft: Bool

    package init(_ items: [PurgeItem], isSoft: Bool = false) {
        self.items = items
        self.isSoft = isSoft
    }

    package static let everything = Purge([.everything])
}

// MARK: - In the stream

extension Purge {
    /// An entry of the stream, as field, value, field, value, and so on. Whatever isn't an entry that this version writes is a
    /// hard purge of everything.
    package init(entry: [[UInt8]]) {
        self.init([])
        guard entry.count >= 2, entry.count % 2 == 0 else {
            self = .everything
            return
        }
        for place in stride(from: 0, to: entry.count, by: 2) {
            guard entry[place].count == 1, take(entry[place][0], entry[place + 1]) else {
                self = .everything
                return
            }
        }
        if items.isEmpty { self = .everything }
    }

    /// - Returns: whether it is understood.
    private mutating func take(_ field: UInt8, _ value: [UInt8]) -> Bool {
        switch field {
        case UInt8(ascii: "t"):
            guard !value.isEmpty else { return false }
            items.append(.tag(value))
        case UInt8(ascii: "u"):
            guard let digest = CacheKey(hex: value.span) else { return false }
            items.append(.url(digest))
        case UInt8(ascii: "k"):
            guard let key = CacheKey(hex: value.span) else { return false }
            items.append(.key(key))
        case UInt8(ascii: "p"):
            guard PrefixText(value.span) != nil else { return false }
            items.append(.prefix(value))
        case UInt8(ascii: "h"):
            guard !value.isEmpty else { return false }
            items.append(.host(value))
        case UInt8(ascii: "g"):
            guard let space = value.firstIndex(of: UInt8(ascii: " ")), OriginText(value[..<space]) != nil else {
                return false
            }
            items.append(.group(origin: Array(value[..<space]), name: Array(value[(space + 1)...])))
        case UInt8(ascii: "e"):
            guard value == [UInt8(ascii: "1")] else { return false }
            items.append(.everything)
        case UInt8(ascii: "s"):
            guard value == [UInt8(ascii: "1")] || value == [UInt8(ascii: "0")] else { return false }
            isSoft = value == [UInt8(ascii: "1")]
        default: return false
        }
        return true
    }

    /// The entry of the stream: field, value, field, value, and so on.
    package var entry: [[UInt8]] {
        var entry: [[UInt8]] = []
        for item in items {
            let (field, value): (Character, [UInt8]) =
                switch item {
                case .tag(let tag): ("t", tag)
                case .url(let digest): ("u", Array(digest.hex.utf8))
                case .key(let key): ("k", Array(key.hex.utf8))
                case .prefix(let text): ("p", text)
                case .host(let host): ("h", host)
                case .group(let origin, let name): ("g", origin + [UInt8(ascii: " ")] + name)
                case .everything: ("e", [UInt8(ascii: "1")])
                }
            entry += [Array(String(field).utf8), value]
        }
        if isSoft { entry += [[UInt8(ascii: "s")], [UInt8(ascii: "1")]] }
        return entry
    }
}

/// The parts of `scheme://authority`.
struct OriginText {
    let scheme: [UInt8]
    let authority: [UInt8]

    init?(_ text: some Collection<UInt8>) {
        let bytes = Array(text)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0, bytes.count > colon + 3,
            bytes[colon + 1] == UInt8(ascii: "/"), bytes[colon + 2] == UInt8(ascii: "/")
        else { return nil }
        scheme = bytes[..<colon].map(\.lowercased)
        authority = Array(bytes[(colon + 3)...])
    }
}

/// The parts of the text that a purge by prefix names.
package struct PrefixText {
    /// Empty for every host.
    let scheme: [UInt8]
    let authority: [UInt8]
    /// The beginning of path and query; it starts with a slash.
    let target: [UInt8]

    /// Nil for what is neither `scheme://authority/…` nor `/…`; without a path, `/` is meant.
    package init?(_ text: Span<UInt8>) {
        let bytes = text.copied()
        if bytes.first == UInt8(ascii: "/") {
            scheme = []
            authority = []
            target = bytes
            return
        }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let path = bytes.dropFirst(colon + 3).firstIndex(of: UInt8(ascii: "/")) ?? bytes.count
        guard let origin = OriginText(bytes[..<path]) else { return nil }
        let rest = Array(bytes[path...])
        guard !origin.authority.contains(UInt8(ascii: "?")) else { return nil }
        scheme = origin.scheme
        authority = origin.authority
        target = rest.isEmpty ? [UInt8(ascii: "/")] : rest
    }

    var isOfEveryHost: Bool { authority.isEmpty }
}
