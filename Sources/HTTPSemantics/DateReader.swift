// Reads the three date formats of RFC 9110 §5.6.7 from left to right; every step that doesn't find what the grammar
// says ends in nil.

import Bytes

struct DateReader: ~Escapable {
    private let text: Span<UInt8>
    private var index = 0

    @_lifetime(copy text)
    init(_ text: Span<UInt8>) { self.text = text }

    mutating func date(now: Int64) -> Int64? {
        if name(of: HTTPDate.longWeekdays) != nil { return rfc850Date(now: now) }
        guard name(of: HTTPDate.weekdays) != nil else { return nil }
        return index < text.count && text[index] == UInt8(ascii: ",") ? fixdate() : asctimeDate()
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    private mutating func fixdate() -> Int64? {
        guard literal(", "), let day = digits(2), literal(" "), let month = name(of: HTTPDate.months), literal(" "),
            let year = digits(4), literal(" "), let time = timeOfDay(), literal(" GMT")
        else { return nil }
        return seconds(year: year, month: month, day: day, time: time)
    }

    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    private mutating func rfc850Date(now: Int64) -> Int64? {
        guard literal(", "), let day = digits(2), literal("-"), let month = name(of: HTTPDate.months), literal("-"),
            let shortYear = digits(2), literal(" "), let time = timeOfDay(), literal(" GMT")
        else { return nil }
        // Clocks of other millennia are no reason to trap.
        let today = CivilDate(daysSinceEpoch: Int(min(max(now, 0), 253_402_300_799) / 86_400))
        var year = today.year / 100 * 100 + shortYear
        if year > today.year + 50 { year -= 100 }
        if year <= today.year - 50 { year += 100 }
        return seconds(year: year, month: month, day: day, time: time)
    }

    /// `Sun Nov  6 08:49:37 1994`
    private mutating func asctimeDate() -> Int64? {
        guard literal(" "), let month = name(of: HTTPDate.months), literal(" ") else { return nil }
        guard let day = literal(" ") ? digits(1) : digits(2), literal(" "), let time = timeOfDay(), literal(" "),
            let year = digits(4)
        else { return nil }
        return seconds(year: year, month: month, day: day, time: time)
    }

    /// `hour:minute:second`; 60 is a leap second's.
    private mutating func timeOfDay() -> Int? {
        guard let hour = digits(2), hour < 24, literal(":"), let minute = digits(2), minute < 60, literal(":"),
            let second = digits(2), second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    private func seconds(year: Int, month: Int, day: Int, time: Int) -> Int64? {
        let date = CivilDate(year: year, month: month + 1, day: day)
        guard index == text.count, date.isValid else { return nil }
        return Int64(date.daysSinceEpoch) * 86_400 + Int64(time)
    }

    /// The place in `names` of the one that stands here.
    private mutating func name(of names: [StaticString]) -> Int? {
        for place in names.indices where literal(names[place]) { return place }
        return nil
    }

    private mutating func literal(_ expected: StaticString) -> Bool {
        let end = index + expected.utf8CodeUnitCount
        guard end <= text.count, Scan.equals(text.extracting(index..<end), expected) else { return false }
        index = end
        return true
    }

    private mutating func digits(_ count: Int) -> Int? {
        guard index + count <= text.count else { return nil }
        var value = 0
        for _ in 0..<count {
            guard text[index].isDigit else { return nil }
            value = value * 10 + Int(text[index] - 0x30)
            index += 1
        }
        return value
    }
}
