// Units as types: durations, sizes and percentages, read from the file's text and written back.

import Bytes

/// A duration in whole milliseconds, never negative when it comes from a file.
package struct Milliseconds: Sendable, Hashable, Comparable {
    package var rawValue: Int64

    package init(_ rawValue: Int64) { self.rawValue = rawValue }

    package static let zero = Milliseconds(0)
    package static func seconds(_ count: Int64) -> Milliseconds { Milliseconds(count * 1_000) }
    package static func minutes(_ count: Int64) -> Milliseconds { Milliseconds(count * 60_000) }
    package static func hours(_ count: Int64) -> Milliseconds { Milliseconds(count * 3_600_000) }

    package static func < (left: Milliseconds, right: Milliseconds) -> Bool { left.rawValue < right.rawValue }

    /// Ten years: nothing that is configured lasts longer, and sums of a few durations can't overflow.
    package static let longest = Milliseconds(3_650 * 86_400_000)
}

/// A number of bytes, never negative when it comes from a file.
package struct ByteCount: Sendable, Hashable, Comparable {
    package var rawValue: Int64

    package init(_ rawValue: Int64) { self.rawValue = rawValue }

    package static let zero = ByteCount(0)
    package static func kibibytes(_ count: Int64) -> ByteCount { ByteCount(count << 10) }
    package static func mebibytes(_ count: Int64) -> ByteCount { ByteCount(count << 20) }
    package static func gibibytes(_ count: Int64) -> ByteCount { ByteCount(count << 30) }

    package static func < (left: ByteCount, right: ByteCount) -> Bool { left.rawValue < right.rawValue }

    /// One pebibyte: more than any machine has, far below what overflows.
    package static let largest = ByteCount(1 << 50)
}

/// A whole percentage, 1 to 100 when it comes from a file.
package struct Percent: Sendable, Hashable {
    package var rawValue: UInt8

    package init(_ rawValue: UInt8) { self.rawValue = rawValue }
}

// MARK: - Text

extension Milliseconds: CustomStringConvertible {
    private static let units: [(name: String, size: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]

    /// Reads `500ms`, `30s`, `5m`, `1h30m`, `7d`, or a whole number of seconds.
    package init(parsing text: String) throws(ValueFault) {
        func fault() -> ValueFault {
            ValueFault(
                "invalid duration \(quoted(text))",
                hint: Milliseconds.suggestion(for: text).map { "write \($0)" }
                    ?? "use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds")
        }
        if let seconds = wholeNumber(text) {
            guard seconds <= Milliseconds.longest.rawValue / 1_000 else { throw Milliseconds.tooLong(text) }
            self = .seconds(seconds)
            return
        }
        var rest = text[...]
        var total: Int64 = 0
        var smallest = Int64.max
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard !digits.isEmpty, let unit = Milliseconds.units.first(where: { $0.name == name }),
                unit.size < smallest
            else { throw fault() }
            smallest = unit.size
            guard let number = wholeNumber(digits) else { throw Milliseconds.tooLong(text) }
            let (part, overflow) = number.multipliedReportingOverflow(by: unit.size)
            guard !overflow, part <= Milliseconds.longest.rawValue - total else { throw Milliseconds.tooLong(text) }
            total += part
        }
        guard smallest != Int64.max else { throw fault() }
        self.init(total)
    }

    /// What one number with a unit of another spelling comes to: `5min`, `5 minutes`, `1.5h`, `5M`.
    private static func suggestion(for text: String) -> Milliseconds? {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let name = String(decoding: text.dropFirst(number.count).drop { $0 == " " }.utf8.map(lowercase), as: UTF8.self)
        let size: Int64? =
            switch name {
            case "ms", "msec", "msecs", "millis", "millisecond", "milliseconds": 1
            case "s", "sec", "secs", "second", "seconds": 1_000
            case "m", "min", "mins", "minute", "minutes": 60_000
            case "h", "hr", "hrs", "hour", "hours": 3_600_000
            case "d", "day", "days": 86_400_000
            case "w", "week", "weeks": 604_800_000
            default: nil
            }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard let size, (1...2).contains(parts.count), let whole = wholeNumber(parts[0]), !parts[0].isEmpty,
            whole <= 1_000_000
        else { return nil }
        var total = whole * size
        if parts.count == 2 {
            guard (1...3).contains(parts[1].count), let digits = wholeNumber(parts[1]) else { return nil }
            total += digits * size / [10, 100, 1_000][parts[1].count - 1]
        }
        return total > 0 && total <= longest.rawValue ? Milliseconds(total) : nil
    }

    private static func tooLong(_ text: String) -> ValueFault {
        ValueFault("\(quoted(text)) is too long", hint: "the maximum is \(Milliseconds.longest)")
    }

    /// As `init(parsing:)` reads it: `1h30m`, `250ms`, `0s`.
    package var description: String {
        var rest = rawValue
        var text = ""
        for unit in Milliseconds.units where rest >= unit.size {
            text += "\(rest / unit.size)\(unit.name)"
            rest %= unit.size
        }
        return text.isEmpty ? "0s" : text
    }
}

extension ByteCount: CustomStringConvertible {
    private static let units: [(name: String, size: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("kB", 1_000), ("B", 1),
    ]

    /// Reads `64KiB`, `256MiB`, `1GB`, or a whole number of bytes.
    package init(parsing text: String) throws(ValueFault) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let name = text.dropFirst(digits.count)
        guard !digits.isEmpty else { throw ByteCount.notASize(text) }
        let tooLarge = ValueFault("\(quoted(text)) is too large", hint: "the maximum is \(ByteCount.largest)")
        let size: Int64
        if name.isEmpty {
            size = 1
        } else {
            guard let unit = ByteCount.units.first(where: { $0.name == name }) else { throw ByteCount.notASize(text) }
            size = unit.size
        }
        guard let number = wholeNumber(digits) else { throw tooLarge }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: size)
        guard !overflow, bytes <= ByteCount.largest.rawValue else { throw tooLarge }
        self.init(bytes)
    }

    private static func notASize(_ text: String) -> ValueFault {
        ValueFault(
            "invalid size \(quoted(text))",
            hint: suggestion(for: text).map { "write \($0)" } ?? "use 64KiB, 256MiB, 1GB or a whole number of bytes")
    }

    /// One number with a unit of another spelling: `256M`, `256mb`, `256 MiB`.
    private static func suggestion(for text: String) -> String? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let name = String(decoding: text.dropFirst(digits.count).drop { $0 == " " }.utf8.map(lowercase), as: UTF8.self)
        guard !digits.isEmpty, !name.isEmpty else { return nil }
        // nginx, Varnish and Redis mean powers of two by a single letter.
        let unit = name.count == 1 && "kmgt".contains(name) ? name + "ib" : name
        return units.first { $0.name.utf8.map(lowercase).elementsEqual(unit.utf8) }.map { "\(digits)\($0.name)" }
    }

    /// As `init(parsing:)` reads it, exact: `256MiB`, or plain bytes where no binary unit fits.
    package var description: String {
        for unit in ByteCount.units.prefix(4) where rawValue > 0 && rawValue % unit.size == 0 {
            return "\(rawValue / unit.size)\(unit.name)"
        }
        return "\(rawValue)"
    }
}

extension Percent: CustomStringConvertible {
    /// Reads `1%` to `100%`.
    package init(parsing text: String) throws(ValueFault) {
        guard text.utf8.last == UInt8(ascii: "%"), text.utf8.dropLast().allSatisfy(\.isDigit), text.utf8.count > 1
        else {
            throw ValueFault(
                "invalid percentage \(quoted(text))",
                hint: Percent.suggestion(for: text).map { "write \($0)" } ?? "use a whole number such as 10%, or off")
        }
        guard let number = wholeNumber(text.dropLast()), (1...100).contains(number) else {
            throw ValueFault("\(quoted(text)) is out of range", hint: "allowed: 1%–100%, or off")
        }
        self.init(UInt8(number))
    }

    /// `10` and `0.1` for 10%.
    private static func suggestion(for text: String) -> Percent? {
        if let number = wholeNumber(text) { return (1...100).contains(number) ? Percent(UInt8(number)) : nil }
        guard text.hasPrefix("0."), (3...4).contains(text.utf8.count), let digits = wholeNumber(text.dropFirst(2))
        else {
            return nil
        }
        let percent = text.utf8.count == 3 ? digits * 10 : digits
        return percent > 0 ? Percent(UInt8(percent)) : nil
    }

    /// As `init(parsing:)` reads it.
    package var description: String { "\(rawValue)%" }
}
