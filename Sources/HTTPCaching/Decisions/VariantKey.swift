// Builds the text that distinguishes the variants of one key (RFC 9111 §4.1): for every field that `Vary` names, the
// request's values in a normal form. Two requests match if their texts are equal. White space is normalised for all
// fields; for fields in whose syntax order and case have no meaning (Accept, Accept-Language) so are the members' order,
// case, repetition and the notation of weights. Accept-Encoding has a form of its own (`AcceptedCodings`). It only
// appends to the caller's array.

import Bytes

package struct VariantKey: Sendable {
    private enum Syntax {
        /// Order and case of the members have no meaning.
        case caselessSet
        /// The order of the members has no meaning, nor has case in media types and parameter names.
        case mediaRanges
        case unknown
    }

    /// Longer lists keep their order: sorting them would make a single request too expensive.
    private static let greatestSortedCount = 32
    /// What comes beyond so many bytes is taken as it is. No client sends as much; 31 KiB of languages cost twice as much
    /// if they were all normalised.
    private static let greatestNormalizedCount = 4096

    private let syntax: Syntax
    private var valueStart = 0
    private var hasValue = false

    /// Begins a field by appending its name, in lower case, to `text`.
    package init(field name: Span<UInt8>, into text: inout [UInt8]) {
        if name.isCaseless("accept-language") {
            syntax = .caselessSet
        } else {
            syntax = name.isCaseless("accept") ? .mediaRanges : .unknown
        }
        for index in name.indices { text.append(name[index].lowercased) }
    }

    /// Adds one line of the field. A field without lines differs from one with an empty line.
    package mutating func add(_ value: Span<UInt8>, into text: inout [UInt8]) {
        if !hasValue {
            text.append(0x3A)
            valueStart = text.count
            hasValue = true
        } else if text.count > valueStart {
            text.append(0x2C)
        }
        guard text.count - valueStart + value.count <= Self.greatestNormalizedCount else {
            text.append(value)
            return
        }
        switch syntax {
        case .unknown: Self.append(value, into: &text)
        case .caselessSet, .mediaRanges: appendMembers(of: value, into: &text)
        }
    }

    /// Ends the field.
    package mutating func end(into text: inout [UInt8]) {
        if hasValue, syntax != .unknown { Self.sortMembers(from: valueStart, in: &text) }
        text.append(0x0A)
    }

    private func appendMembers(of value: Span<UInt8>, into text: inout [UInt8]) {
        var start = 0
        var isFirst = true
        while start < value.count {
            let end = Self.endOfPart(0x2C, in: value, from: start)
            let member = value.trimming(start..<end)
            start = end + 1
            if member.isEmpty { continue }
            if !isFirst { text.append(0x2C) }
            isFirst = false
            appendMember(value.extracting(member), into: &text)
        }
    }

    private func appendMember(_ member: Span<UInt8>, into text: inout [UInt8]) {
        var start = 0
        var isFirst = true
        while start <= member.count {
            let end = Self.endOfPart(0x3B, in: member, from: start)
            let part = member.extracting(member.trimming(start..<end))
            start = end + 1
            if isFirst {
                for index in part.indices { text.append(part[index].lowercased) }
                isFirst = false
            } else if !part.isEmpty {
                appendParameter(part, into: &text)
            }
        }
    }

    private func appendParameter(_ part: Span<UInt8>, into text: inout [UInt8]) {
        let equals = part.firstIndex(of: 0x3D, in: part.indices) ?? part.count
        let name = part.extracting(part.trimming(0..<equals))
        let value = part.extracting(part.trimming(min(equals + 1, part.count)..<part.count))
        let isWeight = name.isCaseless("q")
        let significant = isWeight ? Self.significantLength(ofWeight: value) : value.count
        if isWeight, significant == 1, value[0] == 0x31 { return }
        text.append(0x3B)
        for index in name.indices { text.append(name[index].lowercased) }
        text.append(0x3D)
        for index in 0..<significant { text.append(syntax == .caselessSet ? value[index].lowercased : value[index]) }
    }

    /// The length without trailing zeros: `0.50` is `0.5`, `1.000` is `1`.
    private static func significantLength(ofWeight value: Span<UInt8>) -> Int {
        guard value.count > 1, value[1] == 0x2E else { return value.count }
        var length = value.count
        while length > 2, value[length - 1] == 0x30 { length -= 1 }
        return length == 2 ? 1 : length
    }

    /// The end of the part that begins at `start`: the next separator outside quotes.
    private static func endOfPart(_ separator: UInt8, in value: Span<UInt8>, from start: Int) -> Int {
        var position = start
        var isQuoted = false
        while position < value.count, isQuoted || value[position] != separator {
            if value[position] == 0x22 {
                isQuoted.toggle()
            } else if isQuoted, value[position] == 0x5C {
                position += 1
            }
            position += 1
        }
        return min(position, value.count)
    }

    /// Appends a value of unknown syntax without the white space at its ends and around its commas.
    private static func append(_ value: Span<UInt8>, into text: inout [UInt8]) {
        var start = 0
        while start < value.count {
            let end = endOfPart(0x2C, in: value, from: start)
            text.append(value.extracting(value.trimming(start..<end)))
            if end < value.count { text.append(0x2C) }
            start = end + 1
        }
    }

    /// Sorts the comma-separated members from `start` on in byte order and removes duplicates. The sorted list is built
    /// behind them and then replaces them.
    private static func sortMembers(from start: Int, in text: inout [UInt8]) {
        let end = text.count
        var members = InlineArray<32, Range<Int>>(repeating: 0..<0)
        var count = 0
        var memberStart = start
        for index in start...end {
            // A comma within quotes is no separator. Such lists are rare and keep their order.
            if index < end, text[index] == 0x22 { return }
            guard index == end || text[index] == 0x2C else { continue }
            guard count < greatestSortedCount else { return }
            insert(memberStart..<index, into: &members, &count, text)
            memberStart = index + 1
        }
        for position in 0..<count {
            if position > 0 { text.append(0x2C) }
            for index in members[position] { text.append(text[index]) }
        }
        let sorted = text.count - end
        for offset in 0..<sorted { text[start + offset] = text[end + offset] }
        text.removeLast(text.count - start - sorted)
    }

    /// Inserts a member at its sorted position, unless it is empty or present already.
    private static func insert(
        _ member: Range<Int>, into members: inout InlineArray<32, Range<Int>>, _ count: inout Int, _ text: [UInt8]
    ) {
        if member.isEmpty { return }
        var position = count
        while position > 0, isLess(member, members[position - 1], in: text) { position -= 1 }
        if position > 0, !isLess(members[position - 1], member, in: text) { return }
        var moved = count
        while moved > position {
            members[moved] = members[moved - 1]
            moved -= 1
        }
        members[position] = member
        count += 1
    }

    private static func isLess(_ left: Range<Int>, _ right: Range<Int>, in text: [UInt8]) -> Bool {
        var (first, second) = (left.lowerBound, right.lowerBound)
        while first < left.upperBound, second < right.upperBound {
            if text[first] != text[second] { return text[first] < text[second] }
            first += 1
            second += 1
        }
        return left.count < right.count
    }
}
