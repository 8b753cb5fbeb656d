// Where Redis stands and how long it may take. The values come from the configuration; nothing is read here.

/// What one worker's connection to Redis is told.
package struct RedisSettings: Sendable, Equatable {
    package enum Place: Sendable, Equatable {
        case tcp(host: String, port: UInt16)
        case unix(path: String)
    }

    package var place: Place
    /// With a password alone the default user is meant.
    package var user: String?
    package var password: String?
    package var database: Int
    /// Stands before the 32 hexadecimal digits in every key.
    package var prefix: String

    /// `store.timeout`: how long one command may take.
    package var timeoutMilliseconds: Int64
    /// How long making a connection and greeting the server may take.
    package var connectTimeoutMilliseconds: Int64
    /// How long a server that stopped answering is waited for before its connection is given up.
    package var hangMilliseconds: Int64
    /// Pauses between connection attempts grow from the first to the second.
    package var shortestPauseMilliseconds: Int64 = 50
    package var longestPauseMilliseconds: Int64 = 5000

    /// Commands that may wait for their replies. Beyond it lookups are refused.
    package var waitingLimit = 8192
    /// Bytes that may wait to be sent. Stores are dropped beyond half of it, lookups beyond the whole.
    package var outputLimit = 8 << 20
    /// Large records that may wait to be written, and that may be read at once; each holds its memory meanwhile.
    package var largeWriteLimit = 16
    package var largeReadLimit = 16
    /// A record that claims to be larger is not believed.
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
