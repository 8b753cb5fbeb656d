// Where Redis is found, how long it may take, and the bounds of what waits for it. The values come from the
// configuration; nothing is read here.

/// Settings of one worker's store in Redis.
package struct RedisSettings: Sendable, Equatable {
    package enum Place: Sendable, Equatable {
        case tcp(host: String, port: UInt16)
        case unix(path: String)
    }

    package var place: Place
    /// Nil with a password means Redis's default user.
    package var user: String?
    package var password: String?
    package var database: Int
    /// Begins every key; 32 hexadecimal digits follow.
    package var prefix: String

    /// `store.timeout`: how long one command may take.
    package var timeoutMilliseconds: Int64
    /// How long resolving the host's name may take, and then connecting and greeting together.
    package var connectTimeoutMilliseconds: Int64
    /// How long a server that has stopped replying is waited for before its connection is closed.
    package var hangMilliseconds: Int64
    /// Pauses between connection attempts grow from the first to the second.
    package var shortestPauseMilliseconds: Int64 = 50
    package var longestPauseMilliseconds: Int64 = 5000

    /// Commands that may wait for their replies. At the limit further ones are refused.
    package var waitingLimit = 8192
    /// Bytes that may wait to be sent. Writes are refused beyond half of it, lookups and removals beyond all of it.
    package var outputLimit = 8 << 20
    /// Large records that may wait to be written, and that may be read at once; each holds its memory meanwhile.
    package var largeWriteLimit = 16
    package var largeReadLimit = 16
    /// A record whose header claims more bytes than this is taken for damaged.
    package var recordLimit = 256 << 20

    package init(
        place: Place, user: String? = nil, password: String? = nil, database: Int = 0, prefix: String = "larder:",
        timeoutMilliseconds: Int64 = 250
    ) {
        self.place = place
        self.user = user
        self.password = password
        self.database = database
        self.prefix = prefix
        self.timeoutMilliseconds = max(timeoutMilliseconds, 1)
        connectTimeoutMilliseconds = max(4 * timeoutMilliseconds, 1000)
        hangMilliseconds = max(8 * timeoutMilliseconds, 2000)
    }
}
