// `cache.bypass` of a route, compiled: which requests go past the cache.

import Bytes
import Configuration
import HTTPSemantics
import HTTPWire

/// The conditions of one route. Asking them allocates nothing.
package struct BypassRules: Sendable {
    private struct Condition: Sendable {
        let source: BypassCondition.Source
        let name: [UInt8]
        /// Empty for any value.
        let value: [UInt8]
        let hasValue: Bool
    }

    private let conditions: [Condition]

    /// Nil without conditions.
    package init?(_ conditions: [BypassCondition]) {
        guard !conditions.isEmpty else { return nil }
        self.conditions = conditions.map { condition in
            Condition(
                source: condition.source,
                name: Array((condition.source == .header ? FieldChanges.folded(condition.name) : condition.name).utf8),
                value: condition.value.map { Array($0.utf8) } ?? [], hasValue: condition.value != nil)
        }
    }

    /// The index of the first condition that the request meets, in the order of the file.
    package func first(in head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Int? {
        for index in conditions.indices {
            let isMet =
                switch conditions[index].source {
                case .cookie: head.contains(.cookie) && hasCookie(conditions[index], head, bytes)
                case .header: hasField(conditions[index], head, bytes)
                case .query: head.hasQuery && hasParameter(conditions[index], head, bytes)
                }
            if isMet { return index }
        }
        return nil
    }

    private func hasCookie(_ condition: Condition, _ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Bool {
        for field in head.fields where field.known == .cookie {
            var start = field.value.lower
            while start < field.value.upper {
                let end = Scan.first(UInt8(ascii: ";"), in: bytes, from: start, to: field.value.upper)
                let pair = bytes.trimming(start..<end)
                if isMet(condition, bytes, pair, .exact) { return true }
                start = end + 1
            }
        }
        return false
    }

    private func hasField(_ condition: Condition, _ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Bool {
        for field in head.fields where Glob.covers(condition.name.span, bytes, field.name, .fieldName) {
            if !condition.hasValue || Glob.covers(condition.value.span, bytes, field.value, .exact) { return true }
        }
        return false
    }

    private func hasParameter(_ condition: Condition, _ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Bool {
        let query = head.query
        var start = query.lower
        while start < query.upper {
            let end = Scan.first(UInt8(ascii: "&"), in: bytes, from: start, to: query.upper)
            if end > start, isMet(condition, bytes, start..<end, .form) { return true }
            start = end + 1
        }
        return false
    }

    /// Whether `name=value`, or `name` alone, is what the condition is about.
    private func isMet(
        _ condition: Condition, _ bytes: Span<UInt8>, _ pair: Range<Int>, _ reading: Glob.Reading
    ) -> Bool {
        guard !pair.isEmpty else { return false }
        let equals = Scan.first(UInt8(ascii: "="), in: bytes, from: pair.lowerBound, to: pair.upperBound)
        guard Glob.covers(condition.name.span, bytes, ByteRange(pair.lowerBound, equals), reading) else { return false }
        let value = ByteRange(min(equals + 1, pair.upperBound), pair.upperBound)
        return !condition.hasValue || Glob.covers(condition.value.span, bytes, value, reading)
    }
}
