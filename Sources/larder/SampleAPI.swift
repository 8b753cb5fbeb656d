// The demo's API: a list of tasks in memory. Its responses have Cache-Control and ETag, to show what Larder does with them. No
// I/O here: a request in, a response out.

/// A response of the sample API.
struct SampleResponse {
    var status: Int
    var fields: [String] = []
    var body = ""
    /// How long the API pretends to work on it.
    var delayMilliseconds: Int64 = 0

    static let reasons = [
        200: "OK", 201: "Created", 304: "Not Modified", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
        411: "Length Required", 413: "Content Too Large",
    ]
}

/// Used on the sample API's thread alone.
struct SampleTasks {
    private var titles = ["Read the README", "Try a cached GET", "Put Larder in front of an API"]

    private static let titleLimit = 200
    private static let countLimit = 1000

    mutating func respond(method: String, path: String, ifNoneMatch: String?, content: String) -> SampleResponse {
        let segments = path.split(separator: "/").map(String.init)
        switch (segments.first, segments.count) {
        case (nil, _):
            return read(method) { SampleResponse(status: 200, fields: ["Cache-Control: max-age=60"], body: Self.index) }
        case ("tasks", 1):
            if method == "POST" { return add(content) }
            return read(method) {
                validated("\"tasks-\(titles.count)\"", against: ifNoneMatch) {
                    "{\"tasks\":[\(titles.indices.map(json).joined(separator: ","))]}"
                }
            }
        case ("tasks", 2):
            guard let number = Int(segments[1]), titles.indices.contains(number - 1) else { return Self.notFound }
            return read(method) { validated("\"task-\(number)\"", against: ifNoneMatch) { json(number - 1) } }
        case ("slow", 1):
            return read(method) {
                SampleResponse(
                    status: 200, fields: ["Cache-Control: max-age=30"], body: #"{"took":"a second"}"#,
                    delayMilliseconds: 1000)
            }
        default: return Self.notFound
        }
    }

    private static let index = #"{"try":["/tasks","/tasks/1","/slow"]}"#
    private static let notFound = SampleResponse(
        status: 404, fields: ["Cache-Control: max-age=5"], body: #"{"error":"not found"}"#)

    private func read(_ method: String, _ response: () -> SampleResponse) -> SampleResponse {
        guard method == "GET" || method == "HEAD" else {
            return SampleResponse(status: 405, fields: ["Allow: GET, HEAD"], body: #"{"error":"only GET and HEAD"}"#)
        }
        return response()
    }

    /// 304 if the client already has this version (RFC 9110 §13.1.2).
    private func validated(_ tag: String, against known: String?, _ body: () -> String) -> SampleResponse {
        let fields = ["Cache-Control: max-age=60", "ETag: \(tag)"]
        if let known, known == "*" || known.contains(tag) { return SampleResponse(status: 304, fields: fields) }
        return SampleResponse(status: 200, fields: fields, body: body())
    }

    /// The content is the title.
    private mutating func add(_ title: String) -> SampleResponse {
        guard !title.isEmpty, title.utf8.count <= Self.titleLimit, titles.count < Self.countLimit else {
            return SampleResponse(status: 400, body: #"{"error":"the content must be a title of 1 to 200 bytes"}"#)
        }
        titles.append(title)
        return SampleResponse(status: 201, fields: ["Location: /tasks/\(titles.count)"], body: json(titles.count - 1))
    }

    private func json(_ index: Int) -> String { "{\"id\":\(index + 1),\"title\":\(jsonText(titles[index]))}" }
}

/// A JSON string with its quotation marks (RFC 8259 §7).
func jsonText(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": result += "\\\(scalar)"
        case "\u{00}"..."\u{1F}":
            let hex = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
