// The lists of field names that the responses of one resource vary by (RFC 9110 §12.5.5), as its vary index has them. Usually
// it is one list. Servers may write the same list in another order, and may leave a name out or add one: lists are compared
// as sets, and where one contains the other both are kept, so that each stored response is found by its own list, as RFC 9111
// §4.1 has it. A list that has nothing to do with those that are known takes the place of all.
//
// As bytes: names in lower case, separated by commas; lists separated by line feeds, which no name contains, those with the
// most names first.

import Bytes

package enum VaryLists {
    /// Lists that are kept of one resource.
    package static let greatestCount = 4
    /// Longer lists are compared as they are written: comparing them as sets would make a single response too expensive.
    private static let greatestComparedCount = 64

    // MARK: Reading

    /// How many lists there are, at least one.
    package static func count(in lists: Span<UInt8>) -> Int {
        var count = 1
        for index in lists.indices where lists[index] == 0x0A { count += 1 }
        return count
    }

    /// Where the list stands that has so many before it; the last one if there are fewer.
    package static func range(of place: Int, in lists: Span<UInt8>) -> Range<Int> {
        var start = 0
        var left = place
        while true {
            let end = lists.firstIndex(of: 0x0A, in: start..<lists.count) ?? lists.count
            if left == 0 || end == lists.count { return start..<end }
            left -= 1
            start = end + 1
        }
    }

    /// How many lists stand before the one with the same names; nil if there is none.
    package static func place(of names: Span<UInt8>, in lists: Span<UInt8>) -> Int? {
        for place in 0..<count(in: lists) {
            let list = lists.extracting(range(of: place, in: lists))
            if list.isSame(as: names) { return place }
            if contains(list, allOf: names) && contains(names, allOf: list) { return place }
        }
        return nil
    }

    // MARK: Making

    /// The names of one response's Vary, from its lines: in lower case, in order, each once.
    package static func list(of names: [[UInt8]]) -> [UInt8] {
        var list: [UInt8] = []
        var last: [UInt8] = []
        for name in names.map({ $0.map(\.lowercased) }).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            if name == last { continue }
            if !list.isEmpty { list.append(0x2C) }
            list += name
            last = name
        }
        return list
    }

    /// The lists with another one; nil if it neither contains nor is contained in each of them.
    package static func adding(_ names: Span<UInt8>, to lists: Span<UInt8>) -> [UInt8]? {
        if place(of: names, in: lists) != nil { return lists.copied() }
        let known = count(in: lists)
        // It stands after all lists that contain it, and before all that it contains.
        var larger = 0
        for place in 0..<known {
            let list = lists.extracting(range(of: place, in: lists))
            if contains(list, allOf: names) {
                larger += 1
            } else if !contains(names, allOf: list) {
                return nil
            }
        }
        // Of too many the one at the other end goes.
        let isFull = known >= greatestCount
        let first = isFull && larger == known ? 1 : 0
        let end = isFull && first == 0 ? known - 1 : known
        var result: [UInt8] = []
        for place in first...end {
            if place == larger { append(names, to: &result) }
            if place < end { append(lists.extracting(range(of: place, in: lists)), to: &result) }
        }
        return result
    }

    private static func append(_ list: Span<UInt8>, to lists: inout [UInt8]) {
        if !lists.isEmpty { lists.append(0x0A) }
        lists.append(list)
    }

    /// Whether every name of the one list is in the other, which doesn't say that of lists that are too long.
    private static func contains(_ list: Span<UInt8>, allOf names: Span<UInt8>) -> Bool {
        var compared = 0
        var walker = VaryNames()
        while let member = walker.next(in: names) {
            compared += 1
            guard case .name(let range) = member, compared <= greatestComparedCount,
                contains(list, names.extracting(range))
            else { return false }
        }
        return true
    }

    private static func contains(_ list: Span<UInt8>, _ name: Span<UInt8>) -> Bool {
        var compared = 0
        var walker = VaryNames()
        while let member = walker.next(in: list) {
            compared += 1
            guard case .name(let range) = member, compared <= greatestComparedCount else { return false }
            if list.extracting(range).isSameName(as: name) { return true }
        }
        return false
    }
}
