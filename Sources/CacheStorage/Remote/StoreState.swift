// The state of a remote store, and the reason if it isn't fully available. Being down is a state with a reason, not an
// error of each call.

/// Why a store is unavailable, or only partly available.
package enum StoreTrouble: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// No connection has been made yet.
    case connecting
    case connectFailed
    case connectTimedOut
    case nameNotResolved
    case connectionLost
    /// It was lost before anything was replied.
    case notGreeted
    case notTLS
    case handshakeFailed
    case handshakeTimedOut
    case certificateUntrusted
    case certificateExpired
    case certificateMisnamed
    /// The store doesn't take this side's, or wants one.
    case certificateRefused
    case commandTimedOut
    case wrongPassword
    case passwordRequired
    case notPermitted
    case noSuchDatabase
    case loading
    case readOnly
    /// No sentinel has named a master yet.
    case noMaster
    /// The server that the sentinels name isn't a master.
    case notMaster
    /// The sentinels name another master than before.
    case masterMoved
    case outOfMemory
    case notPersisting
    /// Too few replicas are connected.
    case noReplicas
    /// A script keeps the store from running commands.
    case busy
    /// The store is one node of a cluster, which has only some of the keys.
    case cluster
    /// No node of the cluster has said yet which of them has which keys.
    case noSlots
    /// Another node of the cluster has the key.
    case slotMoved
    /// The cluster doesn't serve the keys now.
    case clusterDown
    /// What other processes have purged isn't known yet. Of a lookup, never of the store as a whole.
    case purgesUnknown
    case unintelligibleReply
    case otherError
    case tooManyWaiting
    /// It is up, but a lookup would wait too long. Of a lookup, never of the store as a whole.
    case tooSlow
    case closed

    /// A sentence for `/stats` and the log.
    package var sentence: StaticString {
        switch self {
        case .connecting: "the connection is being established"
        case .connectFailed: "the connection was refused"
        case .connectTimedOut: "connecting timed out"
        case .nameNotResolved: "the store's host name has no address"
        case .connectionLost: "the connection was lost"
        case .notGreeted:
            "the store closed the connection without a reply: if it speaks TLS, its URL begins with rediss"
        case .notTLS: "the store doesn't speak TLS on this port: without it, its URL begins with redis"
        case .handshakeFailed: "TLS with the store failed, for a reason that the log has"
        case .handshakeTimedOut:
            "the store did not reply to TLS in time: if it doesn't speak it on this port, its URL begins with redis"
        case .certificateUntrusted:
            "the store's certificate is of no authority that is believed: store.tls.ca names others"
        case .certificateExpired: "the store's certificate has expired, or is not valid yet"
        case .certificateMisnamed:
            "the store's certificate is for another name: store.tls.server_name says which one it must have"
        case .certificateRefused:
            "the store wants a certificate, or refuses the one that it was shown: store.tls.cert and store.tls.key name it"
        case .commandTimedOut: "the store did not reply in time"
        case .wrongPassword: "the store rejects the user or password"
        case .passwordRequired: "the store requires a password"
        case .notPermitted: "the store's user lacks permission for the required commands"
        case .noSuchDatabase: "the store has no database with that number"
        case .loading: "the store is loading its data set"
        case .readOnly: "the store is a read-only replica"
        case .noMaster: "no sentinel has named the store's master"
        case .notMaster: "the server that the sentinels name is not a master"
        case .masterMoved: "the store has a new master, which is being connected to"
        case .outOfMemory: "the store's memory is full and its policy evicts nothing"
        case .notPersisting: "the store refuses writes because it can't persist them"
        case .noReplicas: "the store refuses writes because too few replicas are connected to it"
        case .busy: "the store is busy running a script"
        case .cluster: "the store is a node of a Redis Cluster: its URL begins with redis+cluster://"
        case .noSlots: "no node of the cluster has said which of them has which keys"
        case .slotMoved: "another node of the cluster has the key"
        case .clusterDown: "the store's cluster doesn't serve all keys"
        case .purgesUnknown: "it is not known yet what was purged"
        case .unintelligibleReply: "the store's reply is malformed"
        case .otherError: "the store replied with an error"
        case .tooManyWaiting: "too many commands are waiting for the store"
        case .tooSlow: "the store replies too slowly to be asked"
        case .closed: "the store was closed"
        }
    }
}

/// Legal changes: connecting → up or down; up ⇄ limited; up or limited → down; down → up or limited; any →
/// down(closed), which is final. A store of several servers is partial between up and down.
package enum StoreState: Sendable, BitwiseCopyable, Equatable {
    /// Reads and writes are served.
    case up(since: WallTime)
    /// Reads are served and writes are refused, for the reason given.
    case limited(StoreTrouble, since: WallTime)
    /// Some of the keys are served, others aren't, for the reason given.
    case partial(StoreTrouble, since: WallTime)
    /// Nothing is served; a lookup fails at once.
    case down(StoreTrouble, since: WallTime)
}
