// What a route's `compress` says, as requests and responses are measured by it.

import Bytes
import Compression
import Configuration
import HTTPCaching
import HTTPSemantics
import HTTPWire

struct RouteCompression {
    /// Of those that a client likes equally, the first is used.
    let codings: [ContentCoding]
    let effort: CompressionEffort
    private let types: MediaTypeRules
    private let minimum: UInt64

    init(_ settings: CompressionSettings) {
        codings = settings.codings.map { coding in
            switch coding {
            case .zstd: .zstd
            case .br: .br
            case .gzip: .gzip
            }
        }
        effort =
            switch settings.level {
            case .fast: .fast
            case .standard: .standard
            case .best: .best
            }
        types = MediaTypeRules(settings.types)
        minimum = UInt64(max(settings.minimum.rawValue, 1))
    }

    /// Whether content of that length gains; one that isn't known may.
    func gains(length: UInt64?) -> Bool { length.map { $0 >= minimum } ?? true }

    func gains(type: Span<UInt8>) -> Bool { types.allows(type) }
}

/// What of a response's head decides whether its content may be coded: collected line by line.
struct CodableHead {
    private var facts = ResponseFacts(status: Status(200), responseTime: .distantPast)
    private var gains = false
    /// It has a coding, or something that tells of its very bytes.
    private var isFixed = false
    private(set) var variesByCoding = false

    mutating func note(_ name: Span<UInt8>, _ known: FieldName, _ value: Span<UInt8>, by compression: RouteCompression)
    {
        switch known {
        case .cacheControl: facts.note(known, value)
        case .contentType:
            facts.note(known, value)
            gains = compression.gains(type: value)
        case .contentEncoding: if !value.isCaseless("identity") { isFixed = true }
        case .vary: if Self.namesCoding(value) { variesByCoding = true }
        case .other: if Self.isDigest(name) { isFixed = true }
        default: break
        }
    }

    /// Whether the response depends on what codings its client accepts, as far as the head tells.
    var isCodable: Bool {
        gains && !isFixed && !facts.forbidsTransformation && !facts.flags.contains(.endlessStream)
    }

    /// Whether Accept-Encoding is among the names of a Vary.
    static func namesCoding(_ value: Span<UInt8>) -> Bool {
        var names = VaryNames()
        while let member = names.next(in: value) {
            switch member {
            case .star: return true
            case .name(let range): if value.extracting(range).isCaseless("accept-encoding") { return true }
            }
        }
        return false
    }

    /// RFC 9530, RFC 3230, RFC 1864: whoever made them had these bytes in mind.
    private static func isDigest(_ name: Span<UInt8>) -> Bool {
        name.isCaseless("content-digest") || name.isCaseless("repr-digest") || name.isCaseless("digest")
            || name.isCaseless("content-md5")
    }
}

/// Writes the head of a response whose content has got another coding.
struct RecodedHead {
    private(set) var lines: [UInt8] = []
    /// The coding that its content has now.
    private let coding: ContentCoding?
    /// An entity-tag was a strong one, and is a weak one of the same name now.
    private(set) var isTagWeakened = false
    /// An entity-tag that was weakened gets back what it was.
    private let restoresTag: Bool

    /// - Parameter status: the status line, its CRLF included.
    init(status: Span<UInt8>, coding: ContentCoding?, restoresTag: Bool = false) {
        self.coding = coding
        self.restoresTag = restoresTag
        lines.append(status)
    }

    /// Takes a field of the head as it was.
    mutating func take(_ name: Span<UInt8>, _ known: FieldName, _ value: Span<UInt8>) {
        switch known {
        case .contentLength, .transferEncoding, .contentEncoding: return
        // RFC 9110 §14.3: the bytes of this coding may be others when it is coded again.
        case .acceptRanges where coding != nil: return
        case .etag: return takeTag(name, value)
        default: append(name, value)
        }
    }

    /// RFC 9110 §8.8.3.3: a strong entity-tag names one coding's bytes; a weak one names what they mean.
    private mutating func takeTag(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        let tag = EntityTag(field: value)
        if let tag, !tag.isWeak, coding != nil {
            isTagWeakened = true
            lines.append(name)
            lines.append(": W/")
            lines.append(value.extracting(value.trimming(value.indices)))
            lines.append("\r\n")
        } else if let tag, tag.isWeak, coding == nil, restoresTag {
            append(name, EntityTag.strengthened(value))
        } else {
            append(name, value)
        }
    }

    mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        lines.append(name)
        lines.append(": ")
        lines.append(value)
        lines.append("\r\n")
    }

    /// Writes the coding.
    mutating func end() {
        guard let coding else { return }
        lines.append("Content-Encoding: ")
        lines.append(coding.name)
        lines.append("\r\n")
    }
}

extension EntityTag {
    /// The value of a weak entity-tag as that of a strong one.
    @_lifetime(copy value)
    static func strengthened(_ value: Span<UInt8>) -> Span<UInt8> {
        let trimmed = value.extracting(value.trimming(value.indices))
        guard trimmed.count > 2, trimmed[0] == UInt8(ascii: "W"), trimmed[1] == UInt8(ascii: "/") else {
            return trimmed
        }
        return trimmed.extracting(2...)
    }
}
