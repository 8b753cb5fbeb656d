// Builds the tree from libyaml's events, within bounds on size, depth and expansion.
//
// Aliases share the node that they repeat and cost no memory. The size of the expanded tree is counted, and a file that
// expands beyond the bound is rejected (the "billion laughs" attack).

struct YAMLComposer {
    /// 100,000 routes of a few keys.
    static let bytesBound = 8 << 20
    static let depthBound = 32
    /// Of all files together.
    static let weightBound = 1_000_000

    private struct Frame {
        let position: Position
        let anchor: String?
        let isMapping: Bool
        let isFlow: Bool
        var nodes: [YAMLNode] = []
    }

    private let faults: FaultList
    /// The number of the file in positions.
    private let file: Int
    private var frames: [Frame] = []
    private var anchors: [String: YAMLNode] = [:]
    private var root: YAMLNode?
    private var weight: Int

    /// The root of the one document, or nil with the reason in `faults`. Null for an empty file.
    /// - Parameters:
    ///   - file: its number in positions.
    ///   - weight: how many values were read before, from other files.
    static func compose(_ bytes: [UInt8], file: Int = 0, weight: Int = 0, faults: FaultList) -> YAMLNode? {
        var start = Position(line: 1, column: 1)
        start.file = file
        guard bytes.count <= bytesBound else {
            faults.add(start, "the file is \(bytes.count) bytes long", hint: "the maximum is \(bytesBound)")
            return nil
        }
        var composer = YAMLComposer(faults: faults, file: file, weight: weight)
        let reader = YAMLEventReader(bytes)
        do {
            var documents = 0
            while true {
                var (event, position) = try reader.next()
                position.file = file
                if case .streamEnd = event { break }
                if case .documentStart = event {
                    documents += 1
                    guard documents == 1 else {
                        faults.add(position, "a second YAML document starts here", hint: "only one is allowed")
                        return nil
                    }
                } else if !composer.take(event, at: position) {
                    return nil
                }
            }
        } catch {
            let sentence = SyntaxSentence.make(for: error, in: bytes)
            var (position, message, hint) = file == 0 ? sentence : SyntaxSentence.withoutContent(sentence)
            position.file = file
            faults.add(position, message, hint: hint)
            return nil
        }
        return composer.root ?? YAMLNode(start, .scalar(text: "", isPlain: true))
    }

    private init(faults: FaultList, file: Int, weight: Int) {
        self.faults = faults
        self.file = file
        self.weight = weight
    }

    /// False if reading can't continue.
    private mutating func take(_ event: YAMLEvent, at position: Position) -> Bool {
        switch event {
        case .documentStart, .streamEnd: return true
        case .scalar(let text, let isPlain, let lastLine, let anchor, let hasTag):
            refuseTag(hasTag, at: position)
            if isPlain, lastLine > position.line, !frames.isEmpty {
                var next = Position(line: position.line + 1, column: 1)
                next.file = file
                faults.warn(
                    next,
                    "this line continues the value of line \(position.line)",
                    hint: "a new key needs `: ` after it and the same indentation as its neighbours")
            }
            add(YAMLNode(position, .scalar(text: text, isPlain: isPlain)), anchor: anchor)
            return charge(1, at: position)
        case .sequenceStart(let anchor, let hasTag, let isFlow):
            refuseTag(hasTag, at: position)
            return open(Frame(position: position, anchor: anchor, isMapping: false, isFlow: isFlow))
        case .mappingStart(let anchor, let hasTag, let isFlow):
            refuseTag(hasTag, at: position)
            return open(Frame(position: position, anchor: anchor, isMapping: true, isFlow: isFlow))
        case .sequenceEnd, .mappingEnd:
            guard let frame = frames.popLast() else { return false }
            add(YAMLComposer.node(frame), anchor: frame.anchor)
            return true
        case .alias(let name):
            let node = resolve(name, at: position)
            guard charge(node.weight, at: position) else { return false }
            add(node, anchor: nil)
            return true
        }
    }

    private func refuseTag(_ hasTag: Bool, at position: Position) {
        if hasTag {
            faults.add(
                position, "YAML tags are not supported", hint: "a value that starts with ! needs quotes")
        }
    }

    private mutating func open(_ frame: Frame) -> Bool {
        guard frames.count < YAMLComposer.depthBound else {
            faults.add(frame.position, "values are nested more than \(YAMLComposer.depthBound) levels deep")
            return false
        }
        frames.append(frame)
        return charge(1, at: frame.position)
    }

    private static func node(_ frame: Frame) -> YAMLNode {
        guard frame.isMapping else { return YAMLNode(frame.position, .sequence(frame.nodes), isFlow: frame.isFlow) }
        var entries: [YAMLNode.Entry] = []
        // libyaml gives keys and values in turn, an empty scalar where one is missing.
        for index in stride(from: 0, to: frame.nodes.count - 1, by: 2) {
            entries.append(.init(key: frame.nodes[index], value: frame.nodes[index + 1]))
        }
        return YAMLNode(frame.position, .mapping(entries), isFlow: frame.isFlow)
    }

    private func resolve(_ name: String, at position: Position) -> YAMLNode {
        if frames.contains(where: { $0.anchor == name }) {
            faults.add(position, "alias *\(name) refers to the value that contains it")
            return YAMLNode(position, .invalid)
        }
        guard var node = anchors[name] else {
            faults.add(
                position, "undefined alias *\(name)",
                hint: "a value that starts with * needs quotes: \"*\(name)\"")
            return YAMLNode(position, .invalid)
        }
        node.position = position
        return node
    }

    private mutating func add(_ node: YAMLNode, anchor: String?) {
        if let anchor { anchors[anchor] = node }
        if frames.isEmpty {
            root = node
        } else {
            frames[frames.count - 1].nodes.append(node)
        }
    }

    /// Counts each value once, and the values behind an alias once per alias.
    private mutating func charge(_ count: Int, at position: Position) -> Bool {
        weight += count
        guard weight <= YAMLComposer.weightBound else {
            faults.add(position, "the file expands to more than \(YAMLComposer.weightBound) values")
            return false
        }
        return true
    }
}
