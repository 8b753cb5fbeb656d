// Which server is the remote store, where others name it: the master of several.

/// The address of a master, as sentinels give it.
package struct MasterAddress: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String { host.utf8.contains(0x3A) ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// What is known of a master, for `/stats`.
package struct MasterFigures: Sendable {
    package var name = ""
    /// The last one that was named.
    package var master: MasterAddress?
    /// Who named it last.
    package var sentinel: MasterAddress?
    /// Why nobody names it now.
    package var trouble: MasterSearchTrouble?
    /// How often another server took its place.
    package var changes = 0

    package init() {}
}

/// Why no sentinel names a master.
package enum MasterSearchTrouble: Sendable, BitwiseCopyable {
    case noSentinelReplies
    /// Those that reply have no master with that name.
    case unknownName

    package var sentence: StaticString {
        switch self {
        case .noSentinelReplies: "no sentinel replies"
        case .unknownName: "the sentinels have no master with that name"
        }
    }
}
