// The condition of a store that stands elsewhere, and why it isn't better. Being down is a state with a reason, not an
// error at each call.

/// Why a store doesn't serve, or serves in part.
package enum StoreTrouble: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// No connection has been made yet.
    case connecting
    case connectFailed
    case connectTimedOut
    case nameNotResolved
    case connectionLost
    case commandTimedOut
    case wrongPassword
    case passwordRequired
    case notPermitted
    case noSuchDatabase
    case loading
    case readOnly
    case outOfMemory
    case notPersisting
    case unintelligibleReply
    case otherError
    case tooManyWaiting
    case closed

    /// A sentence for `/stats` and the log.
    package var sentence: StaticString {
        switch self {
        case .connecting: "the connection is being made"
        case .connectFailed: "the connection was refused"
        case .connectTimedOut: "the connection took too long to make"
        case .nameNotResolved: "the store's host name has no address"
        case .connectionLost: "the connection was lost"
        case .commandTimedOut: "the store did not answer in time"
        case .wrongPassword: "the store rejects the user or password"
        case .passwordRequired: "the store asks for a password"
        case .notPermitted: "the store's user may not run the commands that are needed"
        case .noSuchDatabase: "the store has no database of that number"
        case .loading: "the store is loading its data set"
        case .readOnly: "the store is a read-only replica"
        case .outOfMemory: "the store's memory is full and it evicts nothing"
        case .notPersisting: "the store refuses writes because it can't persist them"
        case .unintelligibleReply: "the store's reply is not to be understood"
        case .otherError: "the store answered with an error"
        case .tooManyWaiting: "too many commands wait for the store"
        case .closed: "the store was closed"
        }
    }
}

/// Legal changes: connecting → up or down; up ⇄ limited; up or limited → down; down → up or limited; any →
/// down(closed), which is final.
package enum StoreState: Sendable, BitwiseCopyable, Equatable {
    /// Reads and writes are served.
    case up(since: WallTime)
    /// Reads are served and writes are refused, for the reason given.
    case limited(StoreTrouble, since: WallTime)
    /// Nothing is served; a lookup answers `failed` at once.
    case down(StoreTrouble, since: WallTime)
}
