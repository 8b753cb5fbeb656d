// The values of one mapping, by key. The initializer reports keys that are unknown, duplicated or not names. Each `read`
// reports an invalid value and leaves the target unchanged, so that reading continues past every error.

import Configuration

struct KeyedValues {
    let position: Position
    private let values: [String: YAMLNode]
    let reading: Reading

    /// `path` is the mapping's path in `KeyDescription.all`. nil if the node is not a mapping, which is then reported.
    /// An empty value counts as an empty mapping: a section may have all its lines commented out.
    init?(_ node: YAMLNode, path: String, in reading: Reading) {
        guard let entries = reading.entries(of: node) else { return nil }
        let known = KeyDescription.names(below: path)
        var values: [String: YAMLNode] = [:]
        for entry in entries {
            if known.contains(entry.name) {
                values[entry.name] = entry.value
            } else if entry.name == "<<" {
                reading.faults.add(entry.position, "merge keys (<<) are not supported", hint: "repeat the keys")
            } else {
                reading.faults.add(
                    entry.position, "unknown key \(quoted(entry.name))",
                    hint: nearestName(to: entry.name, among: known).map { "did you mean \(quoted($0))?" }
                        ?? "known keys: \(known.joined(separator: ", "))")
            }
        }
        self.values = values
        self.position = node.position
        self.reading = reading
    }

    func node(_ key: String) -> YAMLNode? { values[key] }

    /// Position of the value, or of the mapping if it has no such key.
    func position(of key: String) -> Position { values[key]?.position ?? position }

    func fault(at key: String, _ message: String, hint: String? = nil) {
        reading.faults.add(position(of: key), message, hint: hint)
    }

    // MARK: - Values

    func read<Value>(
        _ key: String, into target: inout Value, _ parse: (String) throws(ValueFault) -> Value
    ) {
        guard let node = values[key], let value = reading.value(of: node, key: key, parse) else { return }
        target = value
    }

    /// A timeout of zero would fail every time, so it is rejected unless zero has a meaning of its own.
    func read(_ key: String, into target: inout Milliseconds, mayBeZero: Bool = false) {
        read(key, into: &target) { text throws(ValueFault) in
            let duration = try Milliseconds(parsing: text)
            guard mayBeZero || duration > .zero else { throw ValueFault("\(quoted(key)) can't be 0") }
            return duration
        }
    }

    func read(_ key: String, into target: inout ByteCount, from minimum: ByteCount = ByteCount(1)) {
        read(key, into: &target) { text throws(ValueFault) in
            let size = try ByteCount(parsing: text)
            guard size >= minimum else {
                throw minimum.rawValue == 1
                    ? ValueFault("\(quoted(key)) can't be 0")
                    : ValueFault("\(quoted(key)) can't be less than \(minimum)")
            }
            return size
        }
    }

    func read(_ key: String, into target: inout Int, in range: ClosedRange<Int>) {
        guard let node = values[key] else { return }
        guard !reading.isQuotedText(node) else {
            fault(at: key, "expected a whole number, found quoted text", hint: "remove the quotes")
            return
        }
        read(key, into: &target) { text throws(ValueFault) in
            guard let number = Int(text), text.first != "+" else {
                throw ValueFault("\(quoted(text)) is not a whole number")
            }
            guard range.contains(number) else {
                throw ValueFault(
                    "\(number) is out of range", hint: "allowed: \(range.lowerBound)–\(range.upperBound)")
            }
            return number
        }
    }

    func read(_ key: String, into target: inout Bool) {
        guard let node = values[key] else { return }
        guard !reading.isQuotedText(node) else {
            fault(at: key, "expected on or off, found quoted text", hint: "remove the quotes")
            return
        }
        read(key, into: &target) { text throws(ValueFault) in
            switch text {
            case "on", "true", "True", "TRUE": return true
            case "off", "false", "False", "FALSE": return false
            default: throw ValueFault("expected on or off, found \(quoted(text))")
            }
        }
    }

    func read<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, into target: inout Choice) {
        read(key, into: &target) { text throws(ValueFault) in
            if let choice = Choice(rawValue: text) { return choice }
            let names = Choice.allCases.map(\.rawValue)
            let nearest = nearestName(to: text, among: names).map { "did you mean \(quoted($0))? Allowed" } ?? "allowed"
            throw ValueFault(
                "invalid value \(quoted(text)) for \(quoted(key))",
                hint: "\(nearest): \(names.dropLast().joined(separator: ", ")) or \(names[names.count - 1])")
        }
    }

    /// The values of a list. Each duplicate is reported.
    /// - Parameter name: how the message names a value: `the server "…"`.
    func reportingDuplicates<Value: Hashable>(
        _ entries: [(value: Value, position: Position)], name: (Value) -> String
    ) -> [Value] {
        var lines: [Value: Int] = [:]
        for entry in entries {
            if let line = lines[entry.value] {
                reading.faults.add(
                    entry.position, "\(name(entry.value)) is listed twice", hint: "first on line \(line)")
            } else {
                lines[entry.value] = entry.position.line
            }
        }
        return entries.map(\.value)
    }

    /// The valid entries of a list with their positions. With `allowsOne`, a single value counts as a list of one. nil if
    /// the key is missing or its value is not a list.
    func list<Value>(
        _ key: String, allowsOne: Bool = false, _ parse: (String) throws(ValueFault) -> Value
    ) -> [(value: Value, position: Position)]? {
        guard let node = values[key] else { return nil }
        let nodes: [YAMLNode]
        switch node.content {
        case .invalid: return nil
        case .sequence(let list): nodes = list
        case .scalar where allowsOne && !node.isNull: nodes = [node]
        case .scalar, .mapping:
            if node.isNull {
                fault(at: key, "\(quoted(key)) has no value", hint: "remove the key or write []")
            } else {
                fault(at: key, "expected a list, found \(node.kind)", hint: "write [one, two]")
            }
            return nil
        }
        return nodes.compactMap { node in
            reading.value(of: node, key: key, parse).map { ($0, node.position) }
        }
    }
}
