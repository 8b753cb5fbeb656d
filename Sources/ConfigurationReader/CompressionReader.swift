// `compress` of a route: `on`, a list of codings, or keys.

import Configuration

enum CompressionReader {
    static func read(_ route: KeyedValues, into draft: inout RouteDraft) {
        guard let node = route.node("compress") else { return }
        var settings = CompressionSettings()
        guard case .mapping = node.content else {
            guard let codings = codings(route, "compress") else { return }
            settings.codings = codings
            draft.route.compression = codings.isEmpty ? nil : settings
            return
        }
        guard let keys = route.section("compress") else { return }
        if keys.node("codings") != nil, let codings = codings(keys, "codings") { settings.codings = codings }
        readTypes(keys, into: &settings)
        keys.read("min", into: &settings.minimum, from: ByteCount(0))
        readLevel(keys, into: &settings)
        draft.route.compression = settings.codings.isEmpty ? nil : settings
    }

    /// Empty for none; nil if there is something wrong with them.
    private static func codings(_ keys: KeyedValues, _ key: String) -> [CompressionSettings.Coding]? {
        if let node = keys.node(key), case .scalar(let text, _) = node.content {
            if ["on", "true", "True", "TRUE"].contains(text), !keys.reading.isQuotedText(node) {
                return CompressionSettings.Coding.allCases
            }
        }
        let entries = keys.list(key) { text throws(ValueFault) in try CompressionSettings.coding(parsing: text) }
        guard let entries else { return nil }
        if entries.count > 1, entries.contains(where: { $0.value == nil }) {
            keys.fault(at: key, "off can't stand beside codings")
            return nil
        }
        return keys.reportingDuplicates(entries) { "the coding \(quoted($0?.rawValue ?? "off"))" }.compactMap { $0 }
    }

    private static func readTypes(_ keys: KeyedValues, into settings: inout CompressionSettings) {
        let types = keys.list("types") { text throws(ValueFault) in try CompressionSettings.type(parsing: text) }
        guard let types else { return }
        if case .sequence(let nodes)? = keys.node("types")?.content, nodes.isEmpty {
            keys.fault(
                at: "types", "`types` is empty, so nothing would be compressed",
                hint: "remove it to compress the usual types, or write compress: off")
            return
        }
        for type in types {
            if CompressionSettings.isCompressed(type.value) {
                keys.reading.faults.warn(
                    type.position, "\(quoted(type.value)) is compressed already, and gains nothing", hint: "remove it")
            } else if type.value == "text/event-stream" {
                keys.reading.faults.warn(
                    type.position, "event streams are never compressed: each event goes out at once",
                    hint: "remove it")
            }
        }
        settings.types = keys.reportingDuplicates(types) { "the type \(quoted($0))" }
    }

    private static func readLevel(_ keys: KeyedValues, into settings: inout CompressionSettings) {
        if let node = keys.node("level"), case .scalar(let text, _) = node.content, Int(text) != nil {
            keys.fault(
                at: "level", "expected fast, default or best, found a number",
                hint: "each coding counts its levels differently: remove `level` for what suits most APIs")
            return
        }
        keys.read("level", into: &settings.level)
    }
}
