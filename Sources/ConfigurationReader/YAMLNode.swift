// A YAML file as a tree of values with their positions.

struct YAMLNode {
    struct Entry {
        let key: YAMLNode
        let value: YAMLNode
    }

    enum Content {
        /// The text before variables are expanded. `isPlain` means without quotes.
        case scalar(text: String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([Entry])
        /// Something that has been reported already.
        case invalid
    }

    var position: Position
    let content: Content
    /// Whether it is written with brackets or braces.
    let isFlow: Bool
    /// How many values it has, those behind aliases counted each time.
    let weight: Int

    init(_ position: Position, _ content: Content, isFlow: Bool = false) {
        self.position = position
        self.content = content
        self.isFlow = isFlow
        switch content {
        case .scalar, .invalid: weight = 1
        case .sequence(let nodes): weight = nodes.reduce(1) { $0 + $1.weight }
        case .mapping(let entries): weight = entries.reduce(1) { $0 + $1.key.weight + $1.value.weight }
        }
    }

    /// YAML 1.2 core: nothing at all, `~` or `null`.
    var isNull: Bool {
        guard case .scalar(let text, true) = content else { return false }
        return text == "" || text == "~" || text == "null" || text == "Null" || text == "NULL"
    }

    /// For a sentence such as "expected text, found a list".
    var kind: String {
        switch content {
        case .scalar: isNull ? "nothing" : "text"
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .invalid: "a fault"
        }
    }
}
