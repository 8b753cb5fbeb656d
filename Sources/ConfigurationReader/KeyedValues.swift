// The values of one mapping, by key. The initializer reports keys that are unknown, duplicated or not names. Each `read`
// reports an invalid value and leaves the target unchanged, so that reading continues past every error.

import Configuration

/// A reader of some keys of a mapping. What a section says is read part by part, so that a new key is a reader of its own in
/// its section's list.
typealias Part<Value> = @Sendable (_ keys: KeyedValues, _ value: inout Value) -> Void

struct KeyedValues {
    let position: Position
    /// What is shared while the file is read.
    let reading: Reading
    private let path: String
    private let values: [String: YAMLNode]

    /// `path` is the mapping's path in `KeyDescription.all`. nil if the node is not a mapping, which is then reported.
    /// An empty value counts as an empty mapping: a section may have all its lines commented out.
    init?(_ node: YAMLNode, path: String, in reading: Reading) {
        guard let entries = reading.entries(of: node) else { return nil }
        let known = KeyDescription.names(below: path)
        var values: [String: YAMLNode] = [:]
        for entry in entries {
            if known.contains(entry.name) {
                values[entry.name] = entry.value
            } else if path.isEmpty, entry.name.hasPrefix("x-") {
                // The file's own: anchors for what it shares.
                continue
            } else {
                reading.faults.add(
                    entry.position, "unknown key \(quoted(entry.name))",
                    hint: UnknownKey.hint(for: entry.name, at: path))
            }
        }
        self.values = values
        self.path = path
        self.position = node.position
        self.reading = reading
    }

    func node(_ key: String) -> YAMLNode? { values[key] }

    /// The mapping below `key`; nil if there is none, or if the value is not a mapping, which is then reported.
    func section(_ key: String) -> KeyedValues? {
        values[key].flatMap { KeyedValues($0, path: path.isEmpty ? key : "\(path).\(key)", in: reading) }
    }

    /// Position of the value, or of the mapping if it has no such key.
    func position(of key: String) -> Position { values[key]?.position ?? position }

    func fault(at key: String, _ message: String, hint: String? = nil) {
        reading.faults.add(position(of: key), message, hint: hint)
    }

    func warn(at key: String, _ message: String, hint: String? = nil) {
        reading.faults.warn(position(of: key), message, hint: hint)
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

    /// The same of one that has a default elsewhere.
    func read(_ key: String, into target: inout Milliseconds?) {
        guard values[key] != nil else { return }
        var duration = Milliseconds.zero
        read(key, into: &duration)
        if duration > .zero { target = duration }
    }

    /// The same of a number that has a default elsewhere.
    func read(_ key: String, into target: inout Int?, in range: ClosedRange<Int>) {
        guard values[key] != nil else { return }
        var number = range.lowerBound - 1
        read(key, into: &number, in: range)
        if range.contains(number) { target = number }
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
        if reading.isQuotedText(node), case .scalar(let text, _) = node.content, Int(text) != nil {
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
            case "yes", "Yes", "y", "1", "enabled":
                throw ValueFault("expected on or off, found \(quoted(text))", hint: "write on")
            case "no", "No", "n", "0", "disabled":
                throw ValueFault("expected on or off, found \(quoted(text))", hint: "write off")
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
    func reportingDuplicates<Value: Hashable>(
        _ entries: [(value: Value, position: Position)], name: (Value) -> String
    ) -> [Value] {
        reading.reportingDuplicates(entries, name: name)
    }

    /// The valid entries of a list with their positions. A single value counts as a list of one. nil if the key is missing or
    /// its value is neither.
    func list<Value>(
        _ key: String, _ parse: (String) throws(ValueFault) -> Value
    ) -> [(value: Value, position: Position)]? {
        values[key].flatMap { reading.list(of: $0, key: key, parse) }
    }

    /// Whether `key` has a list where one value belongs, which is then reported.
    /// - Parameter plural: the key that takes a list, once there is one.
    func reportsList(_ key: String, plural: String) -> Bool {
        guard case .sequence? = values[key]?.content else { return false }
        let hasPlural = KeyDescription.named("\(path).\(plural)") != nil
        fault(
            at: key, "\(quoted(key)) takes one value, found a list",
            hint: hasPlural ? "use \(quoted(plural))" : "write one route for each")
        return true
    }
}
