// Shared state while a file, and what it includes, is read: the list of faults, the environment, and how a node becomes a value.

import Configuration

final class Reading {
    let faults: FaultList
    var upstreams = UpstreamNames()
    /// The files that the file includes, in their order.
    var included: [KeyedValues] = []
    /// Whether responses are stored in Redis, which `store` says.
    var usesRedis = false
    /// Whether they are kept in memory.
    var usesMemory = true
    /// Whether it was said already what a prefix doesn't reach there.
    var hasWarnedOfPrefixes = false
    private let variables: Variables

    /// What is wrong with something that the file refers to; nil if nothing is, or if nobody looks.
    let complaint: (Surroundings.Reference) -> String?
    let surroundings: Surroundings

    init(faults: FaultList, surroundings: Surroundings) {
        self.faults = faults
        variables = Variables(environment: surroundings.variable)
        complaint = surroundings.complaint
        self.surroundings = surroundings
    }

    typealias Entry = (name: String, position: Position, value: YAMLNode)

    /// The entries of a mapping, each name once, merged ones (`<<`) last. nil if the node is not a mapping, which is reported.
    func entries(of node: YAMLNode) -> [Entry]? {
        switch node.content {
        case .invalid: return nil
        case .scalar where node.isNull: return []
        case .scalar, .sequence:
            faults.add(
                node.position, "expected a mapping, found \(node.kind)", hint: ValueAdvice.missingSpace(in: node))
            return nil
        case .mapping(let pairs):
            var entries: [Entry] = []
            var merged: [YAMLNode] = []
            var known: [String: Position] = [:]
            for pair in pairs {
                guard case .scalar(let name, let isPlain) = pair.key.content else {
                    if case .invalid = pair.key.content { continue }
                    faults.add(pair.key.position, "a key must be a name, not \(pair.key.kind)")
                    continue
                }
                if name == "<<", isPlain {
                    merged.append(pair.value)
                    continue
                }
                if let first = known[name] {
                    faults.add(
                        pair.key.position, "duplicate key \(quoted(name))",
                        hint: "first defined on \(faults.line(of: first, from: pair.key.position))")
                    continue
                }
                known[name] = pair.key.position
                entries.append((name, pair.key.position, pair.value))
            }
            for node in merged {
                for entry in mergedEntries(of: node)
                where known.updateValue(entry.position, forKey: entry.name) == nil {
                    entries.append(entry)
                }
            }
            return entries
        }
    }

    /// What `<<` takes over: the entries of a mapping, or of each of a list of mappings. A mapping's own entries come before
    /// merged ones, and of these the first.
    private func mergedEntries(of node: YAMLNode) -> [Entry] {
        switch node.content {
        case .mapping: return entries(of: node) ?? []
        case .sequence(let nodes): return nodes.flatMap { mergedEntries(of: $0) }
        case .invalid: return []
        case .scalar:
            faults.add(node.position, "expected a mapping after <<, found \(node.kind)", hint: "write <<: *name")
            return []
        }
    }

    /// The valid entries of a list with their positions. A single value counts as a list of one. nil if the value is neither.
    func list<Value>(
        of node: YAMLNode, key: String, _ parse: (String) throws(ValueFault) -> Value
    ) -> [(value: Value, position: Position)]? {
        let nodes: [YAMLNode]
        switch node.content {
        case .invalid: return nil
        case .sequence(let list): nodes = list
        case .scalar where node.isNull:
            faults.add(node.position, "\(quoted(key)) has no value", hint: "remove the key or write []")
            return nil
        case .scalar(let text, _) where text.contains(", "):
            faults.add(node.position, "expected a list, found text", hint: "write [\(text.prefix(60))]")
            return nil
        case .scalar: nodes = [node]
        case .mapping:
            faults.add(node.position, "expected a list, found \(node.kind)", hint: "write [one, two]")
            return nil
        }
        return nodes.compactMap { node in value(of: node, key: key, parse).map { ($0, node.position) } }
    }

    /// The values of a list. Each duplicate is reported.
    /// - Parameter name: how the message names a value: `the server "…"`.
    func reportingDuplicates<Value: Hashable>(
        _ entries: [(value: Value, position: Position)], name: (Value) -> String
    ) -> [Value] {
        var known: [Value: Position] = [:]
        for entry in entries {
            if let first = known[entry.value] {
                faults.add(
                    entry.position, "\(name(entry.value)) is listed twice",
                    hint: "first on \(faults.line(of: first, from: entry.position))")
            } else {
                known[entry.value] = entry.position
            }
        }
        return entries.map(\.value)
    }

    /// The parsed value of a scalar, or nil once the fault is reported.
    /// - Parameter isTemplate: whether `{` has a meaning in it, which it doesn't have in what a variable brings.
    func value<Value>(
        of node: YAMLNode, key: String, isTemplate: Bool = false, _ parse: (String) throws(ValueFault) -> Value
    ) -> Value? {
        guard let text = text(of: node, key: key, isTemplate) else { return nil }
        do {
            return try parse(text)
        } catch {
            faults.add(node.position, error.message, hint: advice(for: node) ?? error.hint)
            return nil
        }
    }

    private func advice(for node: YAMLNode) -> String? {
        guard case .scalar(let text, _) = node.content else { return nil }
        return ValueAdvice.hint(for: text)
    }

    /// Quoted text without variables: it is meant as text, whatever it looks like.
    func isQuotedText(_ node: YAMLNode) -> Bool {
        guard case .scalar(let text, let isPlain) = node.content else { return false }
        return !isPlain && !text.contains("${")
    }

    private func text(of node: YAMLNode, key: String, _ isTemplate: Bool) -> String? {
        switch node.content {
        case .invalid: return nil
        case .scalar where node.isNull:
            faults.add(node.position, "\(quoted(key)) has no value", hint: "remove the key to use its default")
            return nil
        case .scalar(let text, _):
            return expand(text, isTemplate, at: node.position)
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

    private func expand(_ text: String, _ isTemplate: Bool, at position: Position) -> String? {
        do {
            return try variables.expand(text, doublesBraces: isTemplate)
        } catch {
            switch error {
            case .unset(let name):
                faults.add(
                    position, "environment variable \(quoted(name)) is not set",
                    hint: "set it in Larder's environment")
            case .notAName(let name):
                faults.add(
                    position, "invalid variable name in \(quoted("${\(name)}"))",
                    hint: "write ${NAME}, ${NAME:-default}, or $${ for a literal ${")
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
