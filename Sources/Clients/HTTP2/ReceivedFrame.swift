// A frame of which the header has come (RFC 9113 §4.1): what it costs its sender (§10.5), and what is wrong with it that nghttp2
// doesn't say.

struct ReceivedFrame: Equatable {
    let kind: UInt8
    let flags: UInt8
    /// Bytes of the payload.
    let length: Int
    let stream: Int32
    /// Of PRIORITY: what the stream depends on. Of PRIORITY_UPDATE: which stream it is about.
    var dependency: UInt32?

    /// RFC 9113 §6.
    enum Kind {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let priority: UInt8 = 2
        static let reset: UInt8 = 3
        static let settings: UInt8 = 4
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let continuation: UInt8 = 9
        /// RFC 9218 §7.1.
        static let priorityUpdate: UInt8 = 16
    }

    /// END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
    private var hasFirstFlag: Bool { flags & 1 != 0 }

    /// END_HEADERS of HEADERS and CONTINUATION.
    var endsHeaders: Bool { flags & 4 != 0 }

    var isHeaders: Bool { kind == Kind.headers }
    var isData: Bool { kind == Kind.data }
    var isReset: Bool { kind == Kind.reset }
    /// The client knows this side's settings (RFC 9113 §6.5.3).
    var acknowledgesSettings: Bool { kind == Kind.settings && hasFirstFlag }
    var isContinuation: Bool { kind == Kind.continuation }

    /// What it counts as; nil for what is of use, or answers a frame of ours.
    var cost: FramePace.Kind? {
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
    var isInvalidPriority: Bool {
        switch kind {
        case Kind.priority: stream == 0 || dependency == UInt32(bitPattern: stream)
        case Kind.priorityUpdate: stream != 0 || dependency == 0
        default: false
        }
    }

    /// The first four bytes of the payload are looked at.
    var namesStream: Bool { (kind == Kind.priority || kind == Kind.priorityUpdate) && length >= 4 }
}
