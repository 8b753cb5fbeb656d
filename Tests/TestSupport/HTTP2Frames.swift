import CNghttp2

// HTTP/2 frame by frame (RFC 9113 §4, §6), for tests that say byte for byte what a client sends. Sections go out as literals; what
// comes back is decoded by nghttp2's HPACK, which the daemon encodes with too.

/// One frame.
package struct HTTP2Frame: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case data, headers, priority, reset, settings, pushPromise, ping, goAway, windowUpdate, continuation
        case priorityUpdate = 16
        case unknown = 0xf0
    }

    package var kind: UInt8
    package var flags: UInt8
    package var stream: UInt32
    package var payload: [UInt8]
    /// Of a section that is whole: names and values.
    package var fields: [String] = []

    package static let endStream: UInt8 = 1
    package static let acknowledges: UInt8 = 1
    package static let endHeaders: UInt8 = 4
    package static let padded: UInt8 = 8
    package static let hasPriority: UInt8 = 32

    package init(_ kind: Kind, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) {
        self.init(kind: kind.rawValue, flags: flags, stream: stream, payload)
    }

    package init(kind: UInt8, flags: UInt8, stream: UInt32, _ payload: [UInt8]) {
        (self.kind, self.flags, self.stream, self.payload) = (kind, flags, stream, payload)
    }

    package var bytes: [UInt8] {
        let count = payload.count
        return [UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), kind, flags]
            + HTTP2.number(stream) + payload
    }

    package func isKind(_ kind: Kind) -> Bool { self.kind == kind.rawValue }
    package var endsStream: Bool { flags & Self.endStream != 0 }
    /// The error code of RST_STREAM, and of GOAWAY.
    package var error: UInt32 {
        let place = isKind(.goAway) ? 4 : 0
        return payload.count >= place + 4 ? payload[place..<(place + 4)].reduce(0) { $0 << 8 | UInt32($1) } : .max
    }
    /// By how much WINDOW_UPDATE opens a window.
    package var increment: Int { payload.prefix(4).reduce(0) { $0 << 8 | Int($1) } }
    /// What a field of the section says; nil without it.
    package subscript(_ name: String) -> String? {
        fields.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
    }
}

package enum HTTP2 {
    package static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    package static func number(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    package static func settings(_ values: [(UInt16, UInt32)] = []) -> HTTP2Frame {
        HTTP2Frame(.settings, values.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] + number($1) })
    }

    /// Fields as literals that nobody remembers (RFC 7541 §6.2.2).
    package static func section(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { [0] + text($0) + text($1) }
    }

    private static func text(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        var length: [UInt8] = []
        if bytes.count < 127 {
            length = [UInt8(bytes.count)]
        } else {
            length = [127]
            var rest = bytes.count - 127
            while rest >= 128 {
                length.append(UInt8(rest & 127 | 128))
                rest >>= 7
            }
            length.append(UInt8(rest))
        }
        return length + bytes
    }

    /// The pseudo-fields of a request.
    package static func request(
        _ method: String = "GET", _ path: String = "/a", _ more: [(String, String)] = []
    ) -> [(String, String)] {
        [(":method", method), (":scheme", "http"), (":path", path), (":authority", "h")] + more
    }

    package static func headers(
        _ stream: UInt32, _ fields: [(String, String)] = request(), ends: Bool = true, isWhole: Bool = true
    ) -> HTTP2Frame {
        let flags = (ends ? HTTP2Frame.endStream : 0) | (isWhole ? HTTP2Frame.endHeaders : 0)
        return HTTP2Frame(.headers, flags: flags, stream: stream, section(fields))
    }

    package static func data(_ stream: UInt32, _ bytes: [UInt8] = [], ends: Bool = false) -> HTTP2Frame {
        HTTP2Frame(.data, flags: ends ? HTTP2Frame.endStream : 0, stream: stream, bytes)
    }

    package static func reset(_ stream: UInt32, _ error: UInt32 = 8) -> HTTP2Frame {
        HTTP2Frame(.reset, stream: stream, number(error))
    }

    package static func window(_ stream: UInt32, _ count: UInt32) -> HTTP2Frame {
        HTTP2Frame(.windowUpdate, stream: stream, number(count))
    }
}

/// Reads frames from bytes as they come.
package final class HTTP2FrameReader {
    private var bytes: [UInt8] = []
    private var block: [UInt8] = []
    private let inflater: OpaquePointer

    package init() {
        var made: OpaquePointer?
        guard nghttp2_hd_inflate_new(&made) == 0, let made else { fatalError("out of memory") }
        inflater = made
    }

    deinit { nghttp2_hd_inflate_del(inflater) }

    /// Frames that are whole with these bytes behind those before.
    package func read(_ more: [UInt8]) -> [HTTP2Frame] {
        bytes += more
        var frames: [HTTP2Frame] = []
        var start = 0
        while bytes.count - start >= 9 {
            let count = Int(bytes[start]) << 16 | Int(bytes[start + 1]) << 8 | Int(bytes[start + 2])
            guard bytes.count - start >= 9 + count else { break }
            let stream = bytes[(start + 5)..<(start + 9)].reduce(0) { $0 << 8 | UInt32($1) }
            var frame = HTTP2Frame(
                kind: bytes[start + 3], flags: bytes[start + 4], stream: stream,
                Array(bytes[(start + 9)..<(start + 9 + count)]))
            if frame.isKind(.headers) || frame.isKind(.continuation) {
                block += frame.payload
                if frame.flags & HTTP2Frame.endHeaders != 0 {
                    frame.fields = decoded(block)
                    block = []
                }
            }
            frames.append(frame)
            start += 9 + count
        }
        bytes.removeFirst(start)
        return frames
    }

    private func decoded(_ block: [UInt8]) -> [String] {
        var fields: [String] = []
        var place = 0
        while true {
            var pair = nghttp2_nv()
            var flags: Int32 = 0
            let count = block.withUnsafeBufferPointer {
                nghttp2_hd_inflate_hd2(inflater, &pair, &flags, $0.baseAddress! + place, block.count - place, 1)
            }
            guard count >= 0 else { return fields + ["broken"] }
            place += count
            if UInt32(flags) & NGHTTP2_HD_INFLATE_EMIT.rawValue != 0 {
                let name = UnsafeBufferPointer(start: pair.name, count: pair.namelen)
                let value = UnsafeBufferPointer(start: pair.value, count: pair.valuelen)
                fields.append(String(decoding: name, as: UTF8.self) + ": " + String(decoding: value, as: UTF8.self))
            }
            if UInt32(flags) & NGHTTP2_HD_INFLATE_FINAL.rawValue != 0 {
                nghttp2_hd_inflate_end_headers(inflater)
                return fields
            }
        }
    }
}
