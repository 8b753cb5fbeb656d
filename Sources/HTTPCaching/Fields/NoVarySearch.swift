// The `No-Vary-Search` field: which differences between two queries don't matter. Queries are not compared but
// normalised, so that equivalent ones get the same cache key. A field that is invalid, or has no effect (`params=()`),
// is the default: queries match exactly.
//
// The draft's §4.1 makes a field with neither `params` nor `except` the default; its introduction and its examples
// (§5.1) have `key-order` alone change the comparison. The latter is followed here.

import Bytes
import HTTPSemantics

package struct NoVarySearch: Equatable, Sendable {
    /// Which parameters matter; names in normal form, sorted, without duplicates.
    private enum Parameters: Equatable {
        case allBut([[UInt8]])
        case only([[UInt8]])
    }

    private var parameters = Parameters.allBut([])
    private var ignoresKeyOrder = false

    /// The rule without the field.
    package init() {}

    /// - Parameter value: the field's value; several lines are joined by commas.
    package init(field value: Span<UInt8>) {
        if let read = Self.read(value) { self = read }
    }

    /// Whether queries must match exactly, byte by byte, and a missing query differs from an empty one. In that case no
    /// normal form is needed.
    package var isDefault: Bool { self == NoVarySearch() }

    /// Appends the rule as a field value. Two rules are equal exactly if these texts are, and parsing the text gives
    /// the same rule.
    package func append(to output: inout [UInt8]) {
        let names: [[UInt8]]
        if ignoresKeyOrder { output.append("key-order, ") }
        switch parameters {
        case .allBut(let list):
            output.append("params=(")
            names = list
        case .only(let list):
            output.append("except=(")
            names = list
        }
        for index in names.indices {
            output.append(index == 0 ? "\"" : " \"")
            output.append(contentsOf: names[index])
            output.append("\"")
        }
        output.append(")")
    }

    /// Appends the normal form of a query: two queries are equivalent under this rule exactly if their normal forms are
    /// the same. It is a query itself, with every octet escaped that isn't unreserved (RFC 3986 §2.3).
    ///
    /// - Parameter query: without its `?`; a missing query counts as empty.
    package func normalise(_ query: Span<UInt8>, into output: inout [UInt8]) {
        if isDefault {
            output.append(query)
            return
        }
        let outputStart = output.count
        var pairs: [FormPair] = []
        var start = 0
        while start < query.count {
            let end = query.firstIndex(of: 0x26, in: start..<query.count) ?? query.count
            let text = query.extracting(start..<end)
            start = end + 1
            if text.isEmpty { continue }
            let pairStart = output.count
            let pair = FormPair(text, into: &output)
            guard matters(pair.name, in: output) else {
                output.removeLast(output.count - pairStart)
                continue
            }
            output.append(0x26)
            if ignoresKeyOrder { pairs.append(pair) }
        }
        if ignoresKeyOrder { FormPair.sort(&pairs, from: outputStart, in: &output) }
    }

    private func matters(_ name: Range<Int>, in text: [UInt8]) -> Bool {
        switch parameters {
        case .allBut(let names): !Self.contains(names, text, name)
        case .only(let names): Self.contains(names, text, name)
        }
    }

    private static func contains(_ names: [[UInt8]], _ text: [UInt8], _ name: Range<Int>) -> Bool {
        var low = 0
        var high = names.count
        while low < high {
            let middle = (low + high) / 2
            if isLess(names[middle], names[middle].indices, text, name) { low = middle + 1 } else { high = middle }
        }
        return low < names.count && !isLess(text, name, names[low], names[low].indices)
    }

    // MARK: Reading the field

    private static func read(_ value: Span<UInt8>) -> NoVarySearch? {
        var params: DictionaryMember?
        var except: DictionaryMember?
        var rule = NoVarySearch()
        var walker = DictionaryWalker()
        var isBroken = false
        while let member = walker.next(in: value) {
            let key = value.extracting(member.key)
            // Keys are lowercase. Of a repeated key the last one counts (RFC 9651 §4.2.2).
            if key.isCaseless("key-order") {
                guard case .boolean(let isSet) = member.value else {
                    isBroken = true
                    continue
                }
                isBroken = false
                rule.ignoresKeyOrder = isSet
            } else if key.isCaseless("params") {
                params = member
            } else if key.isCaseless("except") {
                except = member
            }
        }
        if walker.hasFailed || isBroken || (params != nil && except != nil) { return nil }
        if let params {
            guard let names = names(in: params, of: value) else { return nil }
            rule.parameters = .allBut(names)
        } else if let except {
            guard let names = names(in: except, of: value) else { return nil }
            rule.parameters = .only(names)
        }
        return rule
    }

    private static func names(in member: DictionaryMember, of value: Span<UInt8>) -> [[UInt8]]? {
        guard var strings = InnerStringWalker(of: member, in: value) else { return nil }
        var names: [[UInt8]] = []
        while let string = strings.next(in: value) {
            var unescaped: [UInt8] = []
            var index = string.lowerBound
            while index < string.upperBound {
                if value[index] == 0x5C { index += 1 }
                unescaped.append(value[index])
                index += 1
            }
            var name: [UInt8] = []
            appendNormalForm(of: unescaped.span, into: &name)
            names.append(name)
        }
        if strings.hasFailed { return nil }
        names.sort { isLess($0, $0.indices, $1, $1.indices) }
        var unique: [[UInt8]] = []
        for name in names where name != unique.last { unique.append(name) }
        return unique
    }
}
