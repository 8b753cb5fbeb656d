// `respond` of a route: a response that no upstream is asked for.

import Bytes

/// A whole response, made when the file was read.
package struct FixedResponse: Sendable, Hashable {
    package enum Content: Sendable, Hashable {
        case none
        /// `body`.
        case text(String)
        /// `file`, as it was when the configuration was read.
        case file(path: String, bytes: [UInt8])
    }

    package struct Header: Sendable, Hashable {
        package let name: String
        package let value: String
    }

    package var status = 200
    package var content = Content.none
    package var headers: [Header] = []

    /// Largest file. It is held in memory, once.
    package static let fileBound = ByteCount.mebibytes(1)

    package init() {}

    package var bytes: [UInt8] {
        switch content {
        case .none: []
        case .text(let text): Array(text.utf8)
        case .file(_, let bytes): bytes
        }
    }

    /// Whether responses with this status have content (RFC 9110 §15.3.5, §15.3.6, §15.4.5).
    package var mayHaveContent: Bool { status != 204 && status != 205 && status != 304 }

    /// The media type of the content, unless `headers` name one; nil without content.
    package var contentType: String? {
        guard !headers.contains(where: { $0.name.lowercased() == "content-type" }) else { return nil }
        switch content {
        case .none: return nil
        case .text: return "text/plain; charset=utf-8"
        case .file(let path, _):
            let name = path.split(separator: "/").last ?? ""
            guard let dot = name.lastIndex(of: ".") else { return Self.unknownType }
            return Self.types[name[name.index(after: dot)...].lowercased()] ?? Self.unknownType
        }
    }

    private static let unknownType = "application/octet-stream"
    private static let types = [
        "css": "text/css; charset=utf-8", "csv": "text/csv; charset=utf-8", "gif": "image/gif",
        "html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8", "ico": "image/x-icon",
        "jpeg": "image/jpeg", "jpg": "image/jpeg", "js": "text/javascript; charset=utf-8", "json": "application/json",
        "md": "text/markdown; charset=utf-8", "pdf": "application/pdf", "png": "image/png", "svg": "image/svg+xml",
        "txt": "text/plain; charset=utf-8", "webp": "image/webp", "xml": "application/xml",
        "yaml": "application/yaml", "yml": "application/yaml",
    ]
}

extension FixedResponse {
    package static func status(parsing text: String) throws(ValueFault) -> Int {
        guard let number = wholeNumber(text), (200...599).contains(number) else {
            throw ValueFault("\(quoted(text)) is not a status from 200 to 599")
        }
        guard number != 206 else {
            throw ValueFault("206 is the status of a part, and the response is whole", hint: "use 200")
        }
        return Int(number)
    }

    /// One of `headers`. Framing and the connection's own fields are Larder's to write.
    package static func header(_ name: String, _ value: String) throws(ValueFault) -> Header {
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
            throw ValueFault("invalid header name \(quoted(name))")
        }
        guard !reserved.contains(name.lowercased()) else {
            throw ValueFault("the header \(quoted(name)) is Larder's own", hint: "remove it")
        }
        guard value.utf8.allSatisfy({ ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7f }) else {
            throw ValueFault("the value of \(quoted(name)) has a control character")
        }
        return Header(name: name, value: value)
    }

    private static let reserved: Set<String> = [
        "age", "cache-status", "connection", "content-length", "content-range", "date", "keep-alive",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "via", "x-cache",
    ]
}
