// Shared state while one file is read: the list of faults, the environment, and how a node becomes a value.

import Configuration

final class Reading {
    let faults: FaultList
    var upstreams = UpstreamNames()
    private let variables: Variables

    init(faults: FaultList, environment: @escaping (String) -> String?) {
        self.faults = faults
        variables = Variables(environment: environment)
    }

    /// The entries of a mapping, each name once. nil if the node is not a mapping, which is reported.
    func entries(of node: YAMLNode) -> [(name: String, position: Position, value: YAMLNode)]? {
        switch node.content {
        case .invalid: return nil
        case .scalar where node.isNull: return []
        case .scalar, .sequence:
            faults.add(node.position, "expected a mapping, found \(node.kind)")
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
                        pair.key.position, "duplicate key \(quoted(name))", hint: "first defined on line \(line)")
                    continue
                }
                lines[name] = pair.key.position.line
                entries.append((name, pair.key.position, pair.value))
            }
            return entries
        }
    }

    /// The parsed value of a scalar, or nil once the fault is reported.
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

    /// Quoted text without variables: it is meant as text, whatever it looks like.
    func isQuotedText(_ node: YAMLNode) -> Bool {
        guard case .scalar(let text, let isPlain) = node.content else { return false }
        return !isPlain && !text.contains("${")
    }

    private func text(of node: YAMLNode, key: String) -> String? {
        switch node.content {
        case .invalid: return nil
        case .scalar where node.isNull:
            faults.add(node.position, "\(quoted(key)) has no value", hint: "remove the key to use its default")
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
                    position, "environment variable \(quoted(name)) is not set",
                    hint: "set it in Larder's environment")
            case .notAName(let name):
                faults.add(
                    position, "invalid variable name in \(quoted("${\(name)}"))", hint: "write $${ for a literal ${")
            case .tooLong:
                faults.add(
                    position, "the value is longer than \(Variables.bytesBound) bytes once its variables are expanded")
            case .unclosed:
                faults.add(position, "unclosed ${", hint: "write $${ for a literal ${")
            }
            return nil
        }
    }
}
