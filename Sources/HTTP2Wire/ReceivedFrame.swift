// A frame of which the header has come (RFC 9113 §4.1): what it costs its sender (§10.5), and what is wrong with it that nghttp2
// doesn't say.

package struct ReceivedFrame: Equatable {
    package let kind: UInt8
    package let flags: UInt8
    /// Bytes of the payload.
    package let length: Int
    package let stream: Int32
    /// The first 31 bits of the payload. Of PRIORITY: what the stream depends on. Of PRIORITY_UPDATE: which stream it is about. Of
    /// WINDOW_UPDATE: by how much the window opens. Nil of other kinds.
    package var number: UInt32?

    package init(kind: UInt8, flags: UInt8, length: Int, stream: Int32) {
        self.kind = kind
        self.flags = flags
        self.length = length
        self.stream = stream
    }

    /// RFC 9113 §6.
    package enum Kind {
        package static let data: UInt8 = 0
        package static let headers: UInt8 = 1
        package static let priority: UInt8 = 2
        package static let reset: UInt8 = 3
        package static let settings: UInt8 = 4
        package static let pushPromise: UInt8 = 5
        package static let ping: UInt8 = 6
        package static let goAway: UInt8 = 7
        package static let windowUpdate: UInt8 = 8
        package static let continuation: UInt8 = 9
        /// RFC 9218 §7.1.
        package static let priorityUpdate: UInt8 = 16
    }

    /// END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
    private var hasFirstFlag: Bool { flags & 1 != 0 }

    /// END_HEADERS of HEADERS and CONTINUATION.
    package var endsHeaders: Bool { flags & 4 != 0 }

    package var isHeaders: Bool { kind == Kind.headers }
    package var isData: Bool { kind == Kind.data }
    package var isReset: Bool { kind == Kind.reset }
    /// The peer knows this side's settings (RFC 9113 §6.5.3).
    package var acknowledgesSettings: Bool { kind == Kind.settings && hasFirstFlag }
    package var changesSettings: Bool { kind == Kind.settings && !hasFirstFlag }
    package var isContinuation: Bool { kind == Kind.continuation }

    /// What it counts as; nil for what is of use, or answers a frame of ours.
    package var cost: FramePace.Kind? {
        switch kind {
        case Kind.headers, Kind.goAway: nil
        case Kind.data: length == 0 && !hasFirstFlag ? .control : nil
        case Kind.settings, Kind.ping: hasFirstFlag ? nil : .control
        case Kind.reset: .reset
        default: .control
        }
    }

    /// RFC 9113 §6.3, and RFC 7540 §5.3.1, which still holds for whoever sends PRIORITY.
    /// RFC 9218 §7.1 for PRIORITY_UPDATE.
    package var isInvalidPriority: Bool {
        switch kind {
        case Kind.priority: stream == 0 || number == UInt32(bitPattern: stream)
        case Kind.priorityUpdate: stream != 0 || number == 0
        default: false
        }
    }

    /// A window opens by nothing (RFC 9113 §6.9).
    package var opensNoWindow: Bool { kind == Kind.windowUpdate && number == 0 }

    /// The first four bytes of the payload are looked at.
    var hasNumber: Bool {
        (kind == Kind.priority || kind == Kind.priorityUpdate || kind == Kind.windowUpdate) && length >= 4
    }
}
