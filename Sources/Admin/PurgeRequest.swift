// What `POST /purge` asks for, read from its JSON. Whatever isn't understood is refused: a purge that silently does less
// than it was told leaves people with stale content.

/// The content of a purge.
struct PurgeRequest: Equatable {
    var urls: [String] = []
    var tags: [String] = []
    var prefixes: [String] = []
    var isSoft = false

    /// Why the content asks for nothing that can be done.
    struct Fault: Error, Equatable {
        let sentence: String
    }

    /// More at once would keep one Redis command, and the control thread, busy for too long.
    static let urlLimit = 10_000

    init(_ content: [UInt8]) throws(Fault) {
        let value: JSONValue
        do throws(JSONValue.Fault) { value = try JSONValue(content) } catch {
            throw Fault(sentence: "the content is no JSON: at byte \(error.offset + 1), \(error.sentence)")
        }
        guard case .object(let members) = value else { throw Fault(sentence: "the content has to be a JSON object") }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "urls": urls = try Self.strings(value, "urls")
            case "tags": tags = try Self.strings(value, "tags")
            case "prefixes": prefixes = try Self.strings(value, "prefixes")
            case "soft":
                guard case .bool(let flag) = value else { throw Fault(sentence: "\"soft\" has to be true or false") }
                isSoft = flag
            default:
                throw Fault(
                    sentence: "there is no member of that name; \"urls\", \"tags\", \"prefixes\" and \"soft\" are")
            }
        }
        guard !urls.isEmpty || !tags.isEmpty || !prefixes.isEmpty else {
            throw Fault(sentence: "nothing is to be purged")
        }
        guard urls.count <= Self.urlLimit else {
            throw Fault(sentence: "at most \(Self.urlLimit) URLs can be purged at once")
        }
    }

    private static func strings(_ value: JSONValue, _ name: String) throws(Fault) -> [String] {
        guard case .array(let values) = value else { throw Fault(sentence: "\"\(name)\" has to be a list") }
        var strings: [String] = []
        for value in values {
            guard case .string(let string) = value, !string.isEmpty else {
                throw Fault(sentence: "\"\(name)\" has to be a list of strings")
            }
            strings.append(string)
        }
        return strings
    }
}
