// What the reading of one file shares: where faults go, where variables come from, and how a node becomes a value.

import Configuration

final class Reading {
    let faults: FaultList
    private let variables: Variables

    init(faults: FaultList, environment: @escaping (String) -> String?) {
        self.faults = faults
        variables = Variables(environment: environment)
    }

    /// The entries of a mapping, each name once. nil when it is none, which is reported.
    func entries(of node: YAMLNode) -> [(name: String, position: Position, value: YAMLNode)]? {
        switch node.content {
        case .invalid: return nil
        case .scalar where node.isNull: return []
        case .scalar, .sequence:
            faults.add(node.position, "expected keys, found \(node.kind)")
            return nil
        case .mapping(let pairs):
            var entries: [(name: String, position: Position, value: YAMLNode)] = []
            var lines: [String: Int] = [:]
            for pair in pairs {
                guard case .scalar(let name, _) = pair.key.content else {
                    if case .invalid = pair.key.content { continue }
                    faults.add(pair.key.position, "a key must be a name, not \(pair.key.kind)")
                    continue
                }
                if let line = lines[name] {
                    faults.add(
                        pair.key.position, "the key \(quoted(name)) stands twice", hint: "the first is on line \(line)")
                    continue
                }
                lines[name] = pair.key.position.line
                entries.append((name, pair.key.position, pair.value))
            }
            return entries
        }
    }

    /// What a text value means, or nil with the fault reported.
    func value<Value>(
        of node: YAMLNode, key: String, _ parse: (String) throws(ValueFault) -> Value
    ) -> Value? {
        guard let text = text(of: node, key: key) else { return nil }
        do {
            return try parse(text)
        } catch {
            faults.add(node.position, error.message, hint: error.hint)
            return nil
        }
    }

    /// Text in quotes that no variable was put into: it is meant as text, whatever it looks like.
    func isQuotedText(_ node: YAMLNode) -> Bool {
        guard case .scalar(let text, let isPlain) = node.content else { return false }
        return !isPlain && !text.contains("${")
    }

    private func text(of node: YAMLNode, key: String) -> String? {
        switch node.content {
        case .invalid: return nil
        case .scalar where node.isNull:
            faults.add(node.position, "\(quoted(key)) has no value", hint: "leave the key out for its default")
            return nil
        case .scalar(let text, _):
            return expand(text, at: node.position)
        case .sequence:
            faults.add(
                node.position, "expected text, found a list",
                hint: node.isFlow ? "a value that starts with [ needs quotes" : nil)
            return nil
        case .mapping:
            faults.add(
                node.position, "expected text, found a mapping",
                hint: node.isFlow ? "a value that starts with { needs quotes: \(key): \"{…}\"" : nil)
            return nil
        }
    }

    private func expand(_ text: String, at position: Position) -> String? {
        do {
            return try variables.expand(text)
        } catch {
            switch error {
            case .unset(let name):
                faults.add(
                    position, "the environment has no variable \(quoted(name))", hint: "set it where Larder is started")
            case .notAName(let name):
                faults.add(
                    position, "\(quoted("${\(name)}")) is not a variable", hint: "write $${ where ${ itself is meant")
            case .tooLong:
                faults.add(position, "with its variables the value has more than \(Variables.bytesBound) bytes")
            case .unclosed:
                faults.add(position, "a ${ has no }", hint: "write $${ where ${ itself is meant")
            }
            return nil
        }
    }
}
