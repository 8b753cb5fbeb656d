// The facts stored with a record, so that its reuse can be decided without parsing the stored head again: times (RFC
// 9111 §4.2.3), lifetime, stale allowances and flags. Immutable; a 304 creates a new value. Its byte form is part of
// the record format: a change of layout needs a new record version.

import HTTPSemantics

package struct StoredFacts: Equatable, Sendable {
    @usableFromInline
    package struct Flags: OptionSet, Sendable {
        @usableFromInline package let rawValue: UInt16
        @inlinable
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        /// What every option set can do, spelled out so that other modules need no generic call for it.
        @inlinable
        package func contains(_ flags: Flags) -> Bool { rawValue & flags.rawValue == flags.rawValue }

        /// Validated before every use (RFC 9111 §5.2.2.4).
        @inlinable package static var noCache: Flags { Flags(rawValue: 1 << 0) }
        /// Never served stale: must-revalidate, proxy-revalidate, s-maxage or no-cache (RFC 9111 §4.2.4).
        @inlinable package static var neverStale: Flags { Flags(rawValue: 1 << 1) }
        @inlinable package static var immutable: Flags { Flags(rawValue: 1 << 2) }
        @inlinable package static var strongETag: Flags { Flags(rawValue: 1 << 3) }
        @inlinable package static var weakETag: Flags { Flags(rawValue: 1 << 4) }
        @inlinable package static var lastModified: Flags { Flags(rawValue: 1 << 5) }
        @inlinable package static var varies: Flags { Flags(rawValue: 1 << 6) }
        /// The origin itself allows sharing, by a lifetime or `public`, or is asked before each use. Without this flag, what is
        /// stored is not for requests with credentials.
        @inlinable package static var sharedByOrigin: Flags { Flags(rawValue: 1 << 7) }
        /// The lifetime comes from the route, not from the origin.
        @inlinable package static var lifetimeFromRoute: Flags { Flags(rawValue: 1 << 8) }
        /// `private="…"` or `no-cache="…"` named fields that are not in the stored head (RFC 9111 §3.1).
        @inlinable package static var fieldsRemoved: Flags { Flags(rawValue: 1 << 9) }
        /// The head has tags: `Cache-Tag`, `Surrogate-Key` or `xkey`.
        @inlinable package static var tagged: Flags { Flags(rawValue: 1 << 10) }
        /// The head has `Cache-Groups` (RFC 9875).
        @inlinable package static var grouped: Flags { Flags(rawValue: 1 << 11) }
        /// The head has `No-Vary-Search`.
        @inlinable package static var searchVaries: Flags { Flags(rawValue: 1 << 12) }
        /// The content got its coding here, and can be had without by decoding it.
        @inlinable package static var codedHere: Flags { Flags(rawValue: 1 << 13) }
        /// The origin's entity-tag is a strong one; the stored one is weak since the content was coded.
        @inlinable package static var weakenedETag: Flags { Flags(rawValue: 1 << 14) }
        /// Only the content is stored, as JSON that other programs read and write. Never part of the byte form.
        @inlinable package static var bareJSON: Flags { Flags(rawValue: 1 << 15) }
    }

    /// The limits of the byte form: the greatest initial age and the greatest lifetime after it.
    package static let greatestLifetime = Seconds(4_294_967_295)

    /// When the request for it was sent, by the clock that is never set, like `responseTime`. Invalidations are compared with
    /// this. In milliseconds.
    package var requestTime: Instant
    package var responseTime: Instant
    /// By the origin's clock, or by the wall clock. Of several matching variants, the one with the latest date is used (RFC
    /// 9111 §4.1).
    package var date: Instant
    /// Meaningful with the `lastModified` flag.
    package var lastModifiedTime: Instant
    package var correctedInitialAge: Seconds
    package var lifetime: Seconds
    package var staleWhileRevalidate: Seconds
    package var staleIfError: Seconds
    package var status: Status
    package var flags: Flags

    package var lastModified: Instant? { flags.contains(.lastModified) ? lastModifiedTime : nil }
    package var hasValidator: Bool { !flags.isDisjoint(with: [.strongETag, .weakETag, .lastModified]) }

    /// `current_age` of RFC 9111 §4.2.3. If the clock is set back, the age never falls below the initial age.
    @inline(__always)
    package func currentAge(at now: Instant) -> Seconds {
        correctedInitialAge + Seconds(residentMilliseconds(at: now) / 1000)
    }

    /// The remaining lifetime in seconds, rounded up; zero or negative once it is stale.
    @inline(__always)
    package func timeToLive(at now: Instant) -> Seconds { lifetime - currentAge(at: now) }

    /// The remaining lifetime in milliseconds; zero or negative once it is stale.
    @inline(__always)
    package func millisecondsToLive(at now: Instant) -> Int64 {
        let (left, overflow) = freshMilliseconds.subtractingReportingOverflow(residentMilliseconds(at: now))
        return overflow ? .min : left
    }

    /// How long it was fresh on arrival; negative if it arrived stale.
    @inline(__always)
    var freshMilliseconds: Int64 { (lifetime - correctedInitialAge).milliseconds }

    @inline(__always)
    private func residentMilliseconds(at now: Instant) -> Int64 { max(0, now.milliseconds(since: responseTime)) }
}

extension StoredFacts {
    /// The size of the byte form.
    package static let byteCount = 56

    /// Appends the byte form, little-endian: four times in milliseconds since 1970, then durations in seconds.
    package func write(to bytes: inout [UInt8]) {
        Self.append(UInt64(bitPattern: requestTime.milliseconds), to: &bytes)
        Self.append(UInt64(bitPattern: responseTime.milliseconds), to: &bytes)
        Self.append(UInt64(bitPattern: date.milliseconds), to: &bytes)
        Self.append(UInt64(bitPattern: lastModifiedTime.milliseconds), to: &bytes)
        Self.append(Self.clamped(correctedInitialAge) | Self.clamped(lifetime) << 32, to: &bytes)
        Self.append(Self.clamped(staleWhileRevalidate) | Self.clamped(staleIfError) << 32, to: &bytes)
        Self.append(UInt64(status.code) | UInt64(flags.rawValue) << 16, to: &bytes)
    }

    /// Reads the byte form; nil if the number of bytes is wrong.
    package init?(bytes: Span<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        requestTime = Instant(milliseconds: Int64(bitPattern: Self.word(bytes, 0)))
        responseTime = Instant(milliseconds: Int64(bitPattern: Self.word(bytes, 1)))
        date = Instant(milliseconds: Int64(bitPattern: Self.word(bytes, 2)))
        lastModifiedTime = Instant(milliseconds: Int64(bitPattern: Self.word(bytes, 3)))
        let ages = Self.word(bytes, 4)
        let allowances = Self.word(bytes, 5)
        let rest = Self.word(bytes, 6)
        correctedInitialAge = Seconds(Int64(ages & 0xFFFF_FFFF))
        lifetime = Seconds(Int64(ages >> 32))
        staleWhileRevalidate = Seconds(Int64(allowances & 0xFFFF_FFFF))
        staleIfError = Seconds(Int64(allowances >> 32))
        status = Status(Int(rest & 0xFFFF))
        flags = Flags(rawValue: UInt16(truncatingIfNeeded: rest >> 16))
    }

    private static func clamped(_ seconds: Seconds) -> UInt64 {
        UInt64(max(0, min(seconds.count, Int64(UInt32.max))))
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }

    private static func word(_ bytes: Span<UInt8>, _ index: Int) -> UInt64 {
        var word: UInt64 = 0
        for offset in 0..<8 { word |= UInt64(bytes[index * 8 + offset]) << UInt64(offset * 8) }
        return word
    }
}
