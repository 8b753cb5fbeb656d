// The content of `POST /purge`. Whatever isn't understood is rejected: a purge that silently does less than it was asked to
// leaves stale content behind.

/// The content of a purge.
struct PurgeRequest: Equatable {
    var urls: [String] = []
    var tags: [String] = []
    var prefixes: [String] = []
    var hosts: [String] = []
    var isOfEverything = false
    var isSoft = false

    /// Why the content is not a valid purge.
    struct Fault: Error, Equatable {
        let sentence: String
    }

    /// More would keep one Redis command, and the control thread, busy for too long.
    static let urlLimit = 10_000

    init(_ content: [UInt8]) throws(Fault) {
        let value: JSONValue
        do throws(JSONValue.Fault) { value = try JSONValue(content) } catch {
            throw Fault(sentence: "invalid JSON at byte \(error.offset + 1): \(error.sentence)")
        }
        guard case .object(let members) = value else { throw Fault(sentence: "the content must be a JSON object") }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "urls": urls = try Self.strings(value, "urls")
            case "tags": tags = try Self.strings(value, "tags")
            case "prefixes": prefixes = try Self.strings(value, "prefixes")
            case "hosts": hosts = try Self.strings(value, "hosts")
            case "all": isOfEverything = try Self.flag(value, "all")
            case "soft": isSoft = try Self.flag(value, "soft")
            default:
                throw Fault(
                    sentence:
                        "unknown member; known are \"urls\", \"tags\", \"prefixes\", \"hosts\", \"all\" and \"soft\"")
            }
        }
        guard isOfEverything || !urls.isEmpty || !tags.isEmpty || !prefixes.isEmpty || !hosts.isEmpty else {
            throw Fault(sentence: "the request names no URLs, tags, prefixes or hosts, and not \"all\"")
        }
        guard urls.count <= Self.urlLimit else {
            throw Fault(sentence: "more than \(Self.urlLimit) URLs in one purge")
        }
    }

    private static func flag(_ value: JSONValue, _ name: String) throws(Fault) -> Bool {
        guard case .bool(let flag) = value else { throw Fault(sentence: "\"\(name)\" must be true or false") }
        return flag
    }

    private static func strings(_ value: JSONValue, _ name: String) throws(Fault) -> [String] {
        guard case .array(let values) = value else { throw Fault(sentence: "\"\(name)\" must be a list") }
        var strings: [String] = []
        for value in values {
            guard case .string(let string) = value, !string.isEmpty else {
                throw Fault(sentence: "\"\(name)\" must be a list of non-empty strings")
            }
            strings.append(string)
        }
        return strings
    }
}
