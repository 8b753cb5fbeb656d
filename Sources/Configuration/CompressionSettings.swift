// `compress` of a route: which responses are sent compressed, and how.

/// What a route compresses.
package struct CompressionSettings: Sendable, Hashable {
    /// Content codings, by the names that HTTP has for them.
    package enum Coding: String, Sendable, CaseIterable {
        case zstd, br, gzip
    }

    package enum Level: String, Sendable, CaseIterable {
        case fast
        case standard = "default"
        case best
    }

    /// In the order of preference.
    package var codings = Coding.allCases
    /// Media types, in lower case: `text/*`, `application/*+json`.
    package var types = usualTypes
    /// Shorter content isn't compressed.
    package var minimum = ByteCount.kibibytes(1)
    package var level = Level.standard

    package init() {}

    /// Types whose content gains much.
    package static let usualTypes = [
        "text/*", "application/json", "application/*+json", "application/xml", "application/*+xml",
        "application/javascript", "application/x-javascript", "application/x-ndjson", "application/yaml",
        "application/wasm", "image/svg+xml", "image/bmp", "font/otf", "font/ttf",
    ]
}

extension CompressionSettings {
    /// A coding; nil for `off`.
    package static func coding(parsing text: String) throws(ValueFault) -> Coding? {
        if let coding = Coding(rawValue: text) { return coding }
        let allowed = "allowed: zstd, br and gzip"
        switch text.lowercased() {
        case "off", "false": return nil
        case "no", "none", "disabled", "identity":
            throw ValueFault("expected on, off or codings, found \(quoted(text))", hint: "write off")
        case "yes", "enabled", "auto", "all":
            throw ValueFault("expected on, off or codings, found \(quoted(text))", hint: "write on")
        case "brotli": throw ValueFault("unknown coding \(quoted(text))", hint: "write br")
        case "zstandard", "zst": throw ValueFault("unknown coding \(quoted(text))", hint: "write zstd")
        case "gz", "x-gzip", "deflate", "zlib": throw ValueFault("unknown coding \(quoted(text))", hint: "write gzip")
        case "zstd", "br", "gzip":
            throw ValueFault("unknown coding \(quoted(text))", hint: "write \(text.lowercased())")
        default: throw ValueFault("unknown coding \(quoted(text))", hint: allowed)
        }
    }

    /// A media type, or several: `application/json`, `text/*`, `application/*+json`.
    package static func type(parsing text: String) throws(ValueFault) -> String {
        if text == "*" || text == "*/*" {
            throw ValueFault(
                "\(quoted(text)) would compress images and archives again",
                hint: "list the types that gain, or remove `types`")
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].hasPrefix("*+") else {
            do throws(ValueFault) { return try mediaRange(parsing: text) } catch {
                // Its hints are about another key.
                throw ValueFault(error.message, hint: "write application/json, text/* or application/*+json")
            }
        }
        _ = try type(parsing: "\(parts[0])/\(parts[1].dropFirst(2))")
        return text.lowercased()
    }

    /// Whether content of that type is compressed already.
    package static func isCompressed(_ type: String) -> Bool {
        let parts = type.split(separator: "/")
        guard parts.count == 2 else { return false }
        switch parts[0] {
        case "video", "audio": return true
        case "image": return ["jpeg", "png", "gif", "webp", "avif", "*"].contains(parts[1])
        case "font": return ["woff", "woff2"].contains(parts[1])
        default: return ["application/zip", "application/gzip", "application/zstd", "application/pdf"].contains(type)
        }
    }
}
