// The address of Redis, the time-outs, and the limits on waiting commands. The values come from the configuration;
// nothing is read here.

import CacheStorage

/// Settings of one worker's store in Redis.
package struct RedisSettings: Sendable, Equatable {
    package enum Place: Sendable, Equatable {
        case tcp(host: String, port: UInt16)
        case unix(path: String)
        /// Where sentinels say that the master is, which they haven't said yet.
        case unknownMaster
        /// There is none, for this reason.
        case nowhere(StoreTrouble)
    }

    package var place: Place
    /// Whether a server is used only while it is a master.
    package var requiresMaster = false
    /// Whether it is a node of a cluster, which has only some of the keys: that it doesn't have one says nothing about it.
    package var isClusterNode = false
    /// Nil together with a password means Redis's default user.
    package var user: String?
    package var password: String?
    package var database: Int
    /// Nil where nothing is encrypted.
    package var tls: RedisTLS?
    /// The prefix of every key; 32 hexadecimal digits follow.
    package var prefix: String

    /// `store.timeout`: the time-out of one command.
    package var timeoutMilliseconds: Int64
    /// The time-out for resolving the host name, and again for connecting, TLS and the greeting together.
    package var connectTimeoutMilliseconds: Int64
    /// How long to wait for a server that has stopped replying before its connection is closed.
    package var hangMilliseconds: Int64
    /// Pauses between connection attempts grow from this to `longestPauseMilliseconds`.
    package var shortestPauseMilliseconds: Int64 = 50
    package var longestPauseMilliseconds: Int64 = 5000

    /// Maximum number of commands that wait for their replies. Further ones are refused.
    package var waitingLimit = 8192
    /// Maximum number of bytes that wait to be sent. Writes are refused beyond half of it, lookups and removals beyond
    /// all of it.
    package var outputLimit = 8 << 20
    /// Maximum number of large records that wait to be written; each occupies memory meanwhile.
    package var largeWriteLimit = 16
    /// Maximum number of large records that are read concurrently. What memory they take is bounded by the budget; a read lasts as
    /// long as its clients take.
    package var largeReadLimit = 512
    /// For how long the rest of a large record that is being sent to clients is tried to be had.
    package var readPatienceMilliseconds: Int64 = 10_000
    /// A record whose header declares more bytes than this counts as damaged.
    package var recordLimit = 256 << 20

    /// How many replies there are to what a connection begins with: AUTH and SELECT.
    var greetingReplies: Int { (password == nil ? 0 : 1) + (database == 0 ? 0 : 1) }

    package init(
        place: Place, user: String? = nil, password: String? = nil, database: Int = 0, tls: RedisTLS? = nil,
        prefix: String = "larder:", timeoutMilliseconds: Int64 = 250
    ) {
        self.place = place
        self.user = user
        self.password = password
        self.database = database
        self.tls = tls
        self.prefix = prefix
        self.timeoutMilliseconds = max(timeoutMilliseconds, 1)
        connectTimeoutMilliseconds = max(4 * timeoutMilliseconds, 1000)
        hangMilliseconds = max(8 * timeoutMilliseconds, 2000)
    }
}
