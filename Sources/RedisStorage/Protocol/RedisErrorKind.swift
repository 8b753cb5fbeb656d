// The meaning of a Redis error reply, recognised by its first word. ConnectionState and the sender of the command
// decide what follows from it.

import CacheStorage

/// The kinds of error replies that make a difference to a cache.
enum RedisErrorKind: BitwiseCopyable {
    case outOfMemory, loading, readOnly, noAuthentication, wrongPassword, notPermitted, notPersisting, database,
        masterDown, other

    init(_ text: Span<UInt8>) {
        if Self.starts(text, "OOM ") {
            self = .outOfMemory
        } else if Self.starts(text, "LOADING ") {
            self = .loading
        } else if Self.starts(text, "READONLY ") {
            self = .readOnly
        } else if Self.starts(text, "NOAUTH ") {
            self = .noAuthentication
        } else if Self.starts(text, "NOPERM ") {
            self = .notPermitted
        } else if Self.starts(text, "WRONGPASS ") || Self.starts(text, "ERR invalid password") {
            self = .wrongPassword
        } else if Self.starts(text, "MISCONF ") {
            self = .notPersisting
        } else if Self.starts(text, "MASTERDOWN ") {
            self = .masterDown
        } else if Self.starts(text, "ERR DB index") || Self.starts(text, "ERR invalid DB index") {
            self = .database
        } else {
            self = .other
        }
    }

    /// What the error means for the store as a whole.
    var trouble: StoreTrouble {
        switch self {
        case .outOfMemory: .outOfMemory
        case .loading, .masterDown: .loading
        case .readOnly: .readOnly
        case .noAuthentication: .passwordRequired
        case .wrongPassword: .wrongPassword
        case .notPermitted: .notPermitted
        case .notPersisting: .notPersisting
        case .database: .noSuchDatabase
        case .other: .otherError
        }
    }

    private static func starts(_ text: Span<UInt8>, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard text.count >= count else { return false }
        for index in 0..<count where unsafe text[index] != word.utf8Start[index] { return false }
        return true
    }
}
