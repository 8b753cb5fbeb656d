// The known name that is closest to a mistyped one.

/// The known name closest to `name`, if it is close enough to be a typo.
package func nearestName(to name: String, among known: some Sequence<String>) -> String? {
    let wanted = Array(name.utf8.prefix(64)).map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : lowercase($0) }
    var best: (name: String, distance: Int)?
    for candidate in known {
        let bytes = Array(candidate.utf8)
        // Hyphens instead of underscores, and capitals, count as equal.
        let plain = bytes.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : lowercase($0) }
        let distance = editDistance(wanted, plain)
        let isLonger = wanted.count >= 2 && plain.count >= 2 && abs(wanted.count - plain.count) == 1
        guard
            distance <= mistakes(in: min(wanted.count, plain.count))
                || wanted.count >= 3 && plain.starts(with: wanted)
                || isLonger && (plain.starts(with: wanted) || wanted.starts(with: plain))
        else { continue }
        if best == nil || distance < best!.distance { best = (candidate, distance) }
    }
    return best?.name
}

/// How many mistakes a typo of a name of `length` bytes has at most. `auth` is not `path`.
private func mistakes(in length: Int) -> Int {
    switch length {
    case ..<3: 0
    case 3...5: 1
    case 6...8: 2
    default: 3
    }
}

func lowercase(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
}

/// Insertions, deletions, replacements and swaps of neighbours.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforePrevious = [Int](repeating: 0, count: right.count + 1)
    var previous = Array(0...right.count)
    for (row, byte) in left.enumerated() {
        var current = [row + 1]
        for (column, other) in right.enumerated() {
            var cost = min(previous[column + 1] + 1, current[column] + 1, previous[column] + (byte == other ? 0 : 1))
            if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                cost = min(cost, beforePrevious[column - 1] + 1)
            }
            current.append(cost)
        }
        beforePrevious = previous
        previous = current
    }
    return previous[right.count]
}
