// The meaning of a Redis error reply, recognised by its first word. ConnectionState and the sender of the command
// decide what follows from it.

import CacheStorage

/// The kinds of error replies that make a difference to a cache.
enum RedisErrorKind: BitwiseCopyable, CaseIterable {
    case outOfMemory, loading, readOnly, noAuthentication, wrongPassword, notPermitted, notPersisting, noReplicas, busy,
        database, masterDown, moved, ask, cluster, tryAgain, clusterDown, wrongType, other

    init(_ text: Span<UInt8>) {
        self = Self.allCases.first { $0.isMeant(by: text) } ?? .other
    }

    /// The words that an error reply of this kind begins with.
    private func isMeant(by text: Span<UInt8>) -> Bool {
        switch self {
        case .outOfMemory: Self.starts(text, "OOM ")
        case .loading: Self.starts(text, "LOADING ")
        case .readOnly: Self.starts(text, "READONLY ")
        case .noAuthentication: Self.starts(text, "NOAUTH ")
        case .wrongPassword: Self.starts(text, "WRONGPASS ") || Self.starts(text, "ERR invalid password")
        case .notPermitted: Self.starts(text, "NOPERM ")
        case .notPersisting: Self.starts(text, "MISCONF ")
        case .noReplicas: Self.starts(text, "NOREPLICAS ")
        case .busy: Self.starts(text, "BUSY ")
        case .database: Self.starts(text, "ERR DB index") || Self.starts(text, "ERR invalid DB index")
        case .masterDown: Self.starts(text, "MASTERDOWN ")
        case .moved: Self.starts(text, "MOVED ")
        case .ask: Self.starts(text, "ASK ")
        case .cluster:
            Self.starts(text, "CROSSSLOT ") || Self.starts(text, "ERR SELECT is not allowed in cluster mode")
        case .tryAgain: Self.starts(text, "TRYAGAIN ")
        case .clusterDown: Self.starts(text, "CLUSTERDOWN ")
        case .wrongType: Self.starts(text, "WRONGTYPE ")
        case .other: false
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
        case .noReplicas: .noReplicas
        case .busy: .busy
        case .moved, .ask: .slotMoved
        case .cluster: .cluster
        case .tryAgain, .clusterDown: .clusterDown
        case .wrongType, .other: .otherError
        }
    }

    /// Whether it says where the key is found.
    var isRedirection: Bool { self == .moved || self == .ask }

    /// Whether it is about the command's key, as a node of a cluster that doesn't have it replies.
    var isOfOneKey: Bool { isRedirection || self == .tryAgain || self == .clusterDown }

    /// Whether the same command may be accepted later, or by another server.
    var mayPass: Bool {
        switch self {
        case .notPermitted, .wrongType, .other: false
        case .outOfMemory, .loading, .readOnly, .noAuthentication, .wrongPassword, .notPersisting, .noReplicas, .busy,
            .database, .masterDown, .moved, .ask, .cluster, .tryAgain, .clusterDown:
            true
        }
    }

    private static func starts(_ text: Span<UInt8>, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard text.count >= count else { return false }
        for index in 0..<count where unsafe text[index] != word.utf8Start[index] { return false }
        return true
    }
}
