// The values of one mapping, by key. Making one reports keys that are unknown, stand twice or aren't names; each
// `read` reports a value of the wrong form and leaves the target as it was. So reading goes on past every fault.

import Configuration

struct KeyedValues {
    let position: Position
    private let values: [String: YAMLNode]
    private let reading: Reading

    /// `path` is where the mapping stands among `KeyDescription.all`. nil when the node is no mapping, which is then
    /// reported. Nothing at all counts as an empty mapping: a section whose every line is a comment.
    init?(_ node: YAMLNode, path: String, in reading: Reading) {
        guard let entries = reading.entries(of: node) else { return nil }
        let known = KeyDescription.names(below: path)
        var values: [String: YAMLNode] = [:]
        for entry in entries {
            if known.contains(entry.name) {
                values[entry.name] = entry.value
            } else if entry.name == "<<" {
                reading.faults.add(entry.position, "merge keys (<<) are not part of YAML 1.2", hint: "repeat the keys")
            } else {
                reading.faults.add(
                    entry.position, "unknown key \(quoted(entry.name))",
                    hint: nearestName(to: entry.name, among: known).map { "did you mean \(quoted($0))?" }
                        ?? "known here: \(known.joined(separator: ", "))")
            }
        }
        self.values = values
        self.position = node.position
        self.reading = reading
    }

    func node(_ key: String) -> YAMLNode? { values[key] }

    /// Where the value stands, or the mapping when it has no such key.
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

    /// A wait of zero would never end well, so it is refused unless zero has a meaning.
    func read(_ key: String, into target: inout Milliseconds, mayBeZero: Bool = false) {
        read(key, into: &target) { text throws(ValueFault) in
            let duration = try Milliseconds(parsing: text)
            guard mayBeZero || duration > .zero else { throw ValueFault("\(quoted(key)) can't be 0") }
            return duration
        }
    }

    func read(_ key: String, into target: inout ByteCount, from least: ByteCount = ByteCount(1)) {
        read(key, into: &target) { text throws(ValueFault) in
            let size = try ByteCount(parsing: text)
            guard size >= least else {
                throw least.rawValue == 1
                    ? ValueFault("\(quoted(key)) can't be 0") : ValueFault("\(quoted(key)) can't be less than \(least)")
            }
            return size
        }
    }

    func read(_ key: String, into target: inout Int, in range: ClosedRange<Int>) {
        guard let node = values[key] else { return }
        guard !reading.isQuotedText(node) else {
            fault(at: key, "expected a whole number, found text in quotes", hint: "leave the quotes out")
            return
        }
        read(key, into: &target) { text throws(ValueFault) in
            guard let number = Int(text), text.first != "+" else {
                throw ValueFault("\(quoted(text)) is not a whole number")
            }
            guard range.contains(number) else {
                throw ValueFault(
                    "\(number) is out of range", hint: "\(range.lowerBound) to \(range.upperBound) are allowed")
            }
            return number
        }
    }

    func read(_ key: String, into target: inout Bool) {
        guard let node = values[key] else { return }
        guard !reading.isQuotedText(node) else {
            fault(at: key, "expected on or off, found text in quotes", hint: "leave the quotes out")
            return
        }
        read(key, into: &target) { text throws(ValueFault) in
            switch text {
            case "on", "true", "True", "TRUE": return true
            case "off", "false", "False", "FALSE": return false
            default: throw ValueFault("\(quoted(text)) is neither on nor off", hint: "write on or off")
            }
        }
    }

    func read<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, into target: inout Choice) {
        read(key, into: &target) { text throws(ValueFault) in
            if let choice = Choice(rawValue: text) { return choice }
            let names = Choice.allCases.map(\.rawValue)
            let nearest = nearestName(to: text, among: names).map { "did you mean \(quoted($0))? It" } ?? "it"
            throw ValueFault(
                "\(quoted(text)) is not a value of \(quoted(key))",
                hint: "\(nearest) takes \(names.dropLast().joined(separator: ", ")) or \(names[names.count - 1])")
        }
    }

    /// The values of a list, with a fault for each that stands there already.
    /// - Parameter name: what one is called: `the server "…"`.
    func withoutDoubles<Value: Hashable>(
        _ entries: [(value: Value, position: Position)], name: (Value) -> String
    ) -> [Value] {
        var lines: [Value: Int] = [:]
        for entry in entries {
            if let line = lines[entry.value] {
                reading.faults.add(
                    entry.position, "\(name(entry.value)) is named twice", hint: "the first is on line \(line)")
            } else {
                lines[entry.value] = entry.position.line
            }
        }
        return entries.map(\.value)
    }

    /// The entries of a list with their places, those that are faulty left out; one value alone is a list of one where
    /// `allowsOne` says so. nil when there is no such key or no list.
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
                fault(at: key, "\(quoted(key)) has no value", hint: "leave the key out or write []")
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
