import Foundation
import TestSupport

// Content that comes in versions and ranges, and the parts of an answer. A byte tells its version and, nearly, its place:
// bytes of two versions in one answer, or at the wrong place, are seen whatever the fields say.

/// What an origin has at one path: one version at a time, of which it gives ranges as RFC 9110 §14 and §13.1.5 ask.
final class VersionedContent: Sendable {
    static let size = 1_000

    private let number = Locked(1)
    private let fields: [String]
    private let control: String

    /// - Parameters:
    ///   - control: the value of Cache-Control.
    ///   - fields: the validators among them; `ETag: "v1"` and so on where they are nil.
    init(control: String = "max-age=60", fields: [String]? = nil) {
        self.control = control
        self.fields = fields ?? []
        hasOwnETag = fields == nil
    }
    private let hasOwnETag: Bool

    /// From now on the next version is there.
    func change() { number.withLock { $0 += 1 } }

    static func bytes(_ version: Int, _ range: Range<Int> = 0..<size) -> [UInt8] {
        range.map { UInt8(version * 64 + $0 % 61) }
    }

    /// Answers a GET or HEAD as an origin that keeps to the standard.
    func answer(_ exchange: Exchange) throws {
        let version = number.withLock { $0 }
        let etag = "\"v\(version)\""
        var lines = ["Cache-Control: \(control)", "Content-Type: text/versions"] + fields
        if hasOwnETag { lines.append("ETag: \(etag)") }
        let request = exchange.request
        if hasOwnETag, request["If-None-Match"] == etag { return try exchange.respond(304, lines) }
        guard let range = request["Range"].flatMap(Self.range),
            request["If-Range"] == nil || (hasOwnETag && request["If-Range"] == etag)
        else { return try exchange.respond(200, lines, bytes: Self.bytes(version)) }
        try Self.respond(exchange, lines, version, range)
    }

    /// One part as 206.
    static func respond(_ exchange: Exchange, _ fields: [String], _ version: Int, _ range: Range<Int>) throws {
        let line = "Content-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
        try exchange.respond(206, fields + [line], bytes: bytes(version, range))
    }

    /// One range of a `Range` field; nil for several and for what it is not.
    static func range(_ value: String) -> Range<Int>? {
        guard value.hasPrefix("bytes="), !value.contains(",") else { return nil }
        let ends = value.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count == 2 else { return nil }
        switch (ends[0], ends[1]) {
        case (let first?, let last?): return first <= last && first < size ? first..<min(last + 1, size) : nil
        case (let first?, nil): return first < size ? first..<size : nil
        case (nil, let length?): return max(0, size - length)..<size
        case (nil, nil): return nil
        }
    }
}

/// Some bytes of a content and where they stand in it.
struct ContentPart: Equatable, Sendable, CustomStringConvertible {
    let range: Range<Int>
    let total: Int
    let contentType: String?
    let bytes: [UInt8]
    var description: String { "\(range) of \(total), \(contentType ?? "untyped"), \(bytes.count) bytes" }

    /// Reads `bytes a-b/n`.
    init(contentRange: String, contentType: String?, _ bytes: (Int) -> [UInt8]) throws {
        let numbers = contentRange.dropFirst(6).split(whereSeparator: { "-/".contains($0) }).compactMap { Int($0) }
        guard contentRange.hasPrefix("bytes "), numbers.count == 3, numbers[0] <= numbers[1], numbers[1] < numbers[2]
        else { throw HarnessError("not a Content-Range with a part: \(contentRange)") }
        range = numbers[0]..<numbers[1] + 1
        total = numbers[2]
        self.contentType = contentType
        self.bytes = bytes(range.count)
    }
}

extension Response {
    /// The parts of a 206, whether it has one or is `multipart/byteranges` (RFC 9110 §14.6, §15.3.7).
    func parts() throws -> [ContentPart] {
        guard status == 206 else { throw HarnessError("not a 206: \(head.startLine)") }
        guard let type = self["Content-Type"], type.lowercased().hasPrefix("multipart/byteranges") else {
            guard let range = self["Content-Range"] else { throw HarnessError("no Content-Range: \(raw.text)") }
            let part = try ContentPart(contentRange: range, contentType: self["Content-Type"]) { _ in body }
            guard part.bytes.count == part.range.count else { throw HarnessError("\(part) instead of \(range)") }
            return [part]
        }
        // RFC 9110 §15.3.7.2.
        guard self["Content-Range"] == nil else { throw HarnessError("Content-Range on a multipart: \(raw.text)") }
        guard let boundary = type.components(separatedBy: "boundary=").dropFirst().first else {
            throw HarnessError("no boundary: \(type)")
        }
        return try multipart(Array("--\(boundary.trimmingCharacters(in: ["\""]))".utf8))
    }

    private func multipart(_ delimiter: [UInt8]) throws -> [ContentPart] {
        var parts: [ContentPart] = []
        var position = 0
        func take(_ bytes: [UInt8]) -> Bool {
            guard body[position...].starts(with: bytes) else { return false }
            position += bytes.count
            return true
        }
        _ = take([13, 10])
        while true {
            guard take(delimiter) else { throw HarnessError("no delimiter at \(position): \(raw.text)") }
            if take(Array("--".utf8)) {
                _ = take([13, 10])
                guard position == body.count else { throw HarnessError("bytes behind the last part: \(raw.text)") }
                return parts
            }
            guard take([13, 10]), let end = body.firstIndex(of: Array("\r\n\r\n".utf8), from: position) else {
                throw HarnessError("a part without a head: \(raw.text)")
            }
            // Head takes a start line, which a part has not.
            let head = Head(Array("part\r\n".utf8) + body[position..<end])
            position = end + 4
            let part = try ContentPart(contentRange: head["Content-Range"] ?? "", contentType: head["Content-Type"]) {
                Array(body[position..<min(position + $0, body.count)])
            }
            parts.append(part)
            position += part.bytes.count
            guard take([13, 10]) else { throw HarnessError("a part that isn't as long as it says: \(part)") }
        }
    }

    /// The one version that a 200 or 206 is wholly made of, each byte in its place; an error where it is anything else.
    func version() throws -> Int {
        let pieces: [(Range<Int>, [UInt8])]
        if status == 200 {
            pieces = [(0..<VersionedContent.size, body)]
        } else {
            pieces = try parts().map { part in
                guard part.total == VersionedContent.size else { throw HarnessError("another length: \(part)") }
                return (part.range, part.bytes)
            }
        }
        for version in 1...3 where pieces.allSatisfy({ VersionedContent.bytes(version, $0.0) == $0.1 }) {
            guard self["ETag"]?.hasSuffix("\"v\(version)\"") ?? true else {
                throw HarnessError("bytes of version \(version) under \(self["ETag"] ?? "")")
            }
            return version
        }
        throw HarnessError(
            "not the bytes of one version: \(head.startLine) \(pieces.map { Self.described($0.0, $0.1) })")
    }

    /// What bytes look like: of which version they are, and how far from their place.
    private static func described(_ range: Range<Int>, _ bytes: [UInt8]) -> String {
        var runs: [(version: Int, shift: Int, count: Int)] = []
        for (index, byte) in bytes.enumerated() {
            let version = Int(byte) / 64
            let shift = ((Int(byte) % 64 - (range.lowerBound + index) % 61) + 61) % 61
            if let last = runs.last, last.version == version, last.shift == shift {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((version, shift, 1))
            }
        }
        return "\(range): "
            + runs.prefix(8).map { "\($0.count) of \($0.version) off by \($0.shift)" }.joined(separator: ", ")
    }
}
