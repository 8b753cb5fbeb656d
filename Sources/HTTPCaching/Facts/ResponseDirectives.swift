// The response directives of one field: Cache-Control (RFC 9111 §5.2.2), a targeted field (RFC 9213), with those of RFC
// 5861 and RFC 8246. Fixed in size. Of a repeated directive the smallest value counts, and a lifetime that isn't a
// number is zero; an invalid qualified form counts as the unqualified, stricter one.

import Bytes
import HTTPSemantics

package struct ResponseDirectives: Equatable, Sendable {
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let noStore = Flags(rawValue: 1 << 0)
        package static let noCache = Flags(rawValue: 1 << 1)
        /// `no-cache="field, …"`: only those fields may not be reused without validation.
        package static let noCacheFields = Flags(rawValue: 1 << 2)
        package static let `private` = Flags(rawValue: 1 << 3)
        /// `private="field, …"`: only those fields are for one user.
        package static let privateFields = Flags(rawValue: 1 << 4)
        package static let `public` = Flags(rawValue: 1 << 5)
        package static let mustRevalidate = Flags(rawValue: 1 << 6)
        package static let proxyRevalidate = Flags(rawValue: 1 << 7)
        package static let mustUnderstand = Flags(rawValue: 1 << 8)
        package static let immutable = Flags(rawValue: 1 << 9)
        package static let maxAge = Flags(rawValue: 1 << 10)
        package static let sharedMaxAge = Flags(rawValue: 1 << 11)
        package static let staleWhileRevalidate = Flags(rawValue: 1 << 12)
        package static let staleIfError = Flags(rawValue: 1 << 13)
        package static let noTransform = Flags(rawValue: 1 << 14)
    }

    package private(set) var flags: Flags = []
    private var maxAgeValue: Seconds = 0
    private var sharedMaxAgeValue: Seconds = 0
    private var staleWhileRevalidateValue: Seconds = 0
    private var staleIfErrorValue: Seconds = 0

    package init() {}

    package var maxAge: Seconds? { flags.contains(.maxAge) ? maxAgeValue : nil }
    package var sharedMaxAge: Seconds? { flags.contains(.sharedMaxAge) ? sharedMaxAgeValue : nil }
    package var staleWhileRevalidate: Seconds? {
        flags.contains(.staleWhileRevalidate) ? staleWhileRevalidateValue : nil
    }
    package var staleIfError: Seconds? { flags.contains(.staleIfError) ? staleIfErrorValue : nil }

    /// Notes one line of Cache-Control.
    mutating func note(cacheControl value: Span<UInt8>) {
        var walker = DirectiveWalker()
        while let directive = walker.next(in: value) {
            let form: Form =
                switch directive.argument {
                case .none: .bare
                case .token(let range), .quoted(let range): .text(range)
                case .malformed: .unreadable
                }
            note(value.extracting(directive.name), form, in: value)
        }
    }

    /// Notes one line of a targeted field. Returns false, with nothing noted, if the line isn't a dictionary.
    mutating func note(targeted value: Span<UInt8>) -> Bool {
        guard DictionaryWalker.isValid(value) else { return false }
        var walker = DictionaryWalker()
        while let member = walker.next(in: value) {
            switch member.value {
            case .boolean(false): continue
            case .boolean(true): note(value.extracting(member.key), .bare, in: value)
            case .integer(let range): note(value.extracting(member.key), .text(range), in: value)
            case .string(let range):
                // A String isn't an Integer (RFC 9213 §2.1): max-age="60" is not read as a lifetime.
                let key = value.extracting(member.key)
                let namesFields = key.isCaseless("no-cache") || key.isCaseless("private")
                note(key, namesFields ? .text(range) : .unreadable, in: value)
            case .token, .other: note(value.extracting(member.key), .unreadable, in: value)
            }
        }
        return true
    }

    private enum Form {
        case bare
        case text(Range<Int>)
        case unreadable
    }

    private mutating func note(_ name: Span<UInt8>, _ form: Form, in value: Span<UInt8>) {
        switch name.count {
        case 6:
            if name.isCaseless("public") { flags.insert(.public) }
        case 7:
            if name.isCaseless("max-age") {
                Self.noteLifetime(.maxAge, &flags, &maxAgeValue, form, in: value)
            } else if name.isCaseless("private") {
                noteFields(form, .private, .privateFields)
            }
        case 8:
            if name.isCaseless("no-store") {
                flags.insert(.noStore)
            } else if name.isCaseless("no-cache") {
                noteFields(form, .noCache, .noCacheFields)
            } else if name.isCaseless("s-maxage") {
                Self.noteLifetime(.sharedMaxAge, &flags, &sharedMaxAgeValue, form, in: value)
            }
        case 9:
            if name.isCaseless("immutable") { flags.insert(.immutable) }
        case 12:
            if name.isCaseless("no-transform") { flags.insert(.noTransform) }
        case 14:
            if name.isCaseless("stale-if-error") {
                Self.noteLifetime(.staleIfError, &flags, &staleIfErrorValue, form, in: value)
            }
        case 15:
            if name.isCaseless("must-revalidate") {
                flags.insert(.mustRevalidate)
            } else if name.isCaseless("must-understand") {
                flags.insert(.mustUnderstand)
            }
        case 16:
            if name.isCaseless("proxy-revalidate") { flags.insert(.proxyRevalidate) }
        case 22:
            if name.isCaseless("stale-while-revalidate") {
                Self.noteLifetime(.staleWhileRevalidate, &flags, &staleWhileRevalidateValue, form, in: value)
            }
        default: break
        }
    }

    private static func noteLifetime(
        _ flag: Flags, _ flags: inout Flags, _ lifetime: inout Seconds, _ form: Form, in value: Span<UInt8>
    ) {
        var seconds = Seconds.zero
        if case .text(let range) = form { seconds = Seconds(delta: value.extracting(range)) ?? 0 }
        lifetime = flags.contains(flag) ? min(lifetime, seconds) : seconds
        flags.insert(flag)
    }

    private mutating func noteFields(_ form: Form, _ unqualified: Flags, _ qualified: Flags) {
        if case .text(let range) = form, !range.isEmpty { flags.insert(qualified) } else { flags.insert(unqualified) }
    }
}
