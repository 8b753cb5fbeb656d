// The facts of a response that matter for caching, collected field by field from the head; fixed in size. It keeps the
// meaning of fields, not their text: validators and Vary names stay in the stored head.

import Bytes
import HTTPSemantics

package struct ResponseFacts: Sendable {
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        package static let expires = Flags(rawValue: 1 << 0)
        package static let date = Flags(rawValue: 1 << 1)
        package static let age = Flags(rawValue: 1 << 2)
        package static let strongETag = Flags(rawValue: 1 << 3)
        package static let weakETag = Flags(rawValue: 1 << 4)
        package static let lastModified = Flags(rawValue: 1 << 5)
        package static let setCookie = Flags(rawValue: 1 << 6)
        package static let varyNames = Flags(rawValue: 1 << 7)
        package static let varyStar = Flags(rawValue: 1 << 8)
        package static let contentRange = Flags(rawValue: 1 << 9)
        package static let tags = Flags(rawValue: 1 << 10)
        package static let groups = Flags(rawValue: 1 << 11)
        package static let noVarySearch = Flags(rawValue: 1 << 12)
        /// The media type is one of a stream that doesn't end by itself.
        package static let endlessStream = Flags(rawValue: 1 << 13)
    }

    /// Which field's directives govern (RFC 9213 §2.2).
    package enum Governing: UInt8, Sendable {
        case larderCacheControl, cdnCacheControl, cacheControl
    }

    private struct TargetedField: Sendable {
        var directives = ResponseDirectives()
        var isPresent = false
        var isBroken = false
        var governs: Bool { isPresent && !isBroken }

        mutating func note(_ value: Span<UInt8>) {
            // An empty line adds nothing; an empty field counts as absent.
            guard !value.trimming(value.indices).isEmpty else { return }
            isPresent = true
            if !directives.note(targeted: value) { isBroken = true }
        }
    }

    package internal(set) var status: Status
    /// When the response's head arrived.
    package let responseTime: Instant
    /// The same by the wall clock, which alone the origin's dates can be compared with.
    package let arrivalDate: Instant
    package private(set) var flags: Flags = []
    private var cacheControl = ResponseDirectives()
    private var cdn = TargetedField()
    private var larder = TargetedField()
    private var expiresValue = Instant.distantPast
    private var dateValue = Instant.distantPast
    private var ageValue: Seconds = 0
    private var lastModifiedValue = Instant.distantPast

    /// - Parameters:
    ///   - responseTime: by the clock that ages are measured with, which is never set.
    ///   - arrivalDate: by the wall clock, where that is another.
    package init(status: Status, responseTime: Instant, arrivalDate: Instant? = nil) {
        self.status = status
        self.responseTime = responseTime
        self.arrivalDate = arrivalDate ?? responseTime
    }

    package var governing: Governing {
        larder.governs ? .larderCacheControl : cdn.governs ? .cdnCacheControl : .cacheControl
    }

    /// The directives of the field that governs.
    package var directives: ResponseDirectives {
        switch governing {
        case .larderCacheControl: larder.directives
        case .cdnCacheControl: cdn.directives
        case .cacheControl: cacheControl
        }
    }

    /// The time in `Expires`, `distantPast` if that isn't a valid date; nil if absent or overruled by a targeted field.
    package var expires: Instant? { flags.contains(.expires) && governing == .cacheControl ? expiresValue : nil }
    /// When the response was generated: `Date`, or the time of arrival if that is missing or invalid (RFC 9110 §6.6.1).
    package var date: Instant { flags.contains(.date) ? dateValue : arrivalDate }
    package var age: Seconds { ageValue }
    package var lastModified: Instant? { flags.contains(.lastModified) ? lastModifiedValue : nil }
    /// A lifetime of the origin's own (RFC 9111 §4.2.1).
    package var hasExplicitFreshness: Bool {
        expires != nil || !directives.flags.isDisjoint(with: [.maxAge, .sharedMaxAge])
    }
    /// RFC 9111 §5.2.2.6. Targeted fields speak to caches, and of caching alone.
    package var forbidsTransformation: Bool { cacheControl.flags.contains(.noTransform) }
    package var hasValidator: Bool { !flags.isDisjoint(with: [.strongETag, .weakETag, .lastModified]) }

    /// Notes one field line; repeated lines are combined.
    package mutating func note(_ field: FieldName, _ value: Span<UInt8>) {
        switch field {
        case .cacheControl: cacheControl.note(cacheControl: value)
        case .cdnCacheControl: cdn.note(value)
        case .larderCacheControl: larder.note(value)
        case .expires: noteExpires(value)
        case .date: noteDate(value)
        case .age: noteAge(value)
        case .etag: noteETag(value)
        case .lastModified: noteLastModified(value)
        case .vary: noteVary(value)
        case .setCookie: flags.insert(.setCookie)
        case .contentRange: flags.insert(.contentRange)
        case .cacheTag, .surrogateKey, .xkey: flags.insert(.tags)
        case .cacheGroups: flags.insert(.groups)
        case .noVarySearch: flags.insert(.noVarySearch)
        case .contentType: if isEndlessStream(mediaType: value) { flags.insert(.endlessStream) }
        default: break
        }
    }

    /// Of several, the earliest; an invalid one is in the past (RFC 9111 §5.3).
    private mutating func noteExpires(_ value: Span<UInt8>) {
        let read = Instant(httpDate: value, now: arrivalDate) ?? .distantPast
        expiresValue = flags.contains(.expires) ? min(expiresValue, read) : read
        flags.insert(.expires)
    }

    /// Of several, the first.
    private mutating func noteDate(_ value: Span<UInt8>) {
        guard !flags.contains(.date), let read = Instant(httpDate: value, now: arrivalDate) else { return }
        dateValue = read
        flags.insert(.date)
    }

    /// The first member of the first line counts; if that isn't a number, the field is ignored (RFC 9111 §5.1).
    private mutating func noteAge(_ value: Span<UInt8>) {
        guard !flags.contains(.age) else { return }
        flags.insert(.age)
        let end = value.firstIndex(of: 0x2C, in: value.indices) ?? value.count
        ageValue = Seconds(delta: value.extracting(value.trimming(0..<end))) ?? .zero
    }

    private mutating func noteETag(_ value: Span<UInt8>) {
        guard let tag = EntityTag(field: value) else { return }
        flags.insert(tag.isWeak ? .weakETag : .strongETag)
    }

    private mutating func noteLastModified(_ value: Span<UInt8>) {
        guard !flags.contains(.lastModified), let read = Instant(httpDate: value, now: arrivalDate) else { return }
        lastModifiedValue = read
        flags.insert(.lastModified)
    }

    private mutating func noteVary(_ value: Span<UInt8>) {
        var names = VaryNames()
        while let member = names.next(in: value) {
            switch member {
            case .star: flags.insert(.varyStar)
            case .name: flags.insert(.varyNames)
            }
        }
    }
}
