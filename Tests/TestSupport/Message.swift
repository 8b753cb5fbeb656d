import Foundation

// A message as a test sees it: fields in order, body decoded, and the bytes as they came. The reader is simple and
// tolerant on purpose: it is the tests that judge.

package struct Field: Sendable, Equatable, CustomStringConvertible {
    package let name: String
    package let value: String
    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
    package var description: String { "\(name): \(value)" }
}

/// Start line and fields.
package struct Head: Sendable {
    package let startLine: String
    package let fields: [Field]

    /// Reads the bytes before the empty line.
    package init(_ bytes: some Collection<UInt8>) {
        var lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
        startLine = lines.isEmpty ? "" : lines.removeFirst()
        fields = lines.filter { !$0.isEmpty }.map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return Field(
                name: String(parts[0]), value: parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : "")
        }
    }

    /// The values of a field, in order; names in any case.
    package func all(_ name: String) -> [String] {
        fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The value of a field, its lines joined as RFC 9110 §5.3 has it; nil without it.
    package subscript(_ name: String) -> String? {
        let values = all(name)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    package var isChunked: Bool { self["Transfer-Encoding"]?.lowercased().hasSuffix("chunked") ?? false }
    package var contentLength: Int? { all("Content-Length").first.flatMap { Int($0) } }
}

/// Reads messages from a socket, keeping what came too much for the next one.
package final class MessageReader {
    private let socket: Socket
    /// Received and not yet taken.
    private var buffer: [UInt8] = []
    /// Everything of the present message, as it came.
    package private(set) var raw: [UInt8] = []

    package init(_ socket: Socket) { self.socket = socket }

    package func beginMessage() { raw = [] }

    /// More bytes into the buffer; false at the end of the stream.
    private func fill() throws -> Bool {
        let bytes = try socket.receive()
        buffer += bytes
        return !bytes.isEmpty
    }

    private func take(_ count: Int) -> [UInt8] {
        let bytes = Array(buffer.prefix(count))
        buffer.removeFirst(count)
        if raw.count < 1 << 20 { raw += bytes }
        return bytes
    }

    /// The next head without its empty line; nil at the end of the stream before its first byte.
    package func readHead() throws -> Head? {
        let end = [UInt8](text: "\r\n\r\n")
        var searched = 0
        while true {
            if let index = buffer.firstIndex(of: end, from: max(0, searched - 3)) {
                return Head(take(index + 4).dropLast(4))
            }
            searched = buffer.count
            guard try fill() else {
                if buffer.isEmpty { return nil }
                throw HarnessError("the stream ended inside a head: \(buffer.text.debugDescription)")
            }
        }
    }

    /// Exactly `count` bytes in pieces; false if the stream ended before.
    package func readExactly(_ count: Int, _ piece: ([UInt8]) throws -> Void) throws -> Bool {
        var left = count
        while left > 0 {
            if buffer.isEmpty, try !fill() { return false }
            let bytes = take(min(left, buffer.count))
            left -= bytes.count
            try piece(bytes)
        }
        return true
    }

    package func readToEnd(_ piece: ([UInt8]) throws -> Void) throws {
        repeat {
            if !buffer.isEmpty { try piece(take(buffer.count)) }
        } while try fill()
    }

    private func readLine() throws -> String? {
        while true {
            if let index = buffer.firstIndex(of: [13, 10]) { return take(index + 2).dropLast(2).map { $0 }.text }
            guard try fill() else { return nil }
        }
    }

    /// A chunked body; the trailers, or nil if the stream ended before.
    package func readChunks(_ piece: ([UInt8]) throws -> Void) throws -> [Field]? {
        while true {
            guard let line = try readLine() else { return nil }
            guard let size = Int(line.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces), radix: 16) else {
                throw HarnessError("not a chunk size: \(line.debugDescription)")
            }
            if size == 0 { break }
            guard try readExactly(size, piece), try readLine() != nil else { return nil }
        }
        var trailers: [UInt8] = [13, 10]
        while true {
            guard let line = try readLine() else { return nil }
            if line.isEmpty { return Head(trailers).fields }
            trailers += Array("\(line)\r\n".utf8)
        }
    }
}
