// What Redis replies, and what each command may be replied to with.

/// A reply. The bytes of a bulk string and the elements of an array were passed to the reader's delegate before.
enum Reply: BitwiseCopyable {
    case status
    case error(RedisErrorKind)
    case integer(Int)
    case bulk
    case absent
    case array
}

/// The type of a command's reply. Each command has one; any may be replied to with an error instead.
enum ReplyType: BitwiseCopyable {
    case status, integer, bulk
    /// As the reply to `SET … NX`: a status, or nil if the command did nothing.
    case statusOrAbsent
    /// As the reply to `GET`: a bulk string, or nil.
    case bulkOrAbsent
    /// An array, or nil: `XREAD` has nothing new, Sentinel doesn't know the name.
    case array

    /// Whether `reply` may be the reply to a command with this type.
    func accepts(_ reply: Reply) -> Bool {
        switch (reply, self) {
        case (.error, _): true
        case (.status, .status), (.status, .statusOrAbsent), (.integer, .integer), (.array, .array): true
        case (.bulk, .bulk), (.bulk, .bulkOrAbsent): true
        case (.absent, .statusOrAbsent), (.absent, .bulkOrAbsent), (.absent, .array): true
        case (.status, _), (.integer, _), (.bulk, _), (.absent, _), (.array, _): false
        }
    }

    /// Whether the bytes of a bulk string are passed to the command's receiver.
    var hasBytes: Bool {
        switch self {
        case .bulk, .bulkOrAbsent: true
        case .status, .integer, .statusOrAbsent, .array: false
        }
    }
}
