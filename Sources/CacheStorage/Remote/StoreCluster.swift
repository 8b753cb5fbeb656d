// What is known of the nodes that a remote store consists of, where it is a cluster.

/// For `/stats`.
package struct ClusterFigures: Sendable {
    /// Nodes that have keys.
    package var masters = 0
    /// Slots that have a master, of the 16,384 that there are.
    package var slots = 0
    /// Who said so last.
    package var node: MasterAddress?
    /// Why nobody says so now.
    package var trouble: ClusterTrouble?
    /// How often slots had other masters than before.
    package var changes = 0
    /// Replies that sent to another node.
    package var redirections = 0

    package init() {}
}

/// Why no node says which of them has which keys.
package enum ClusterTrouble: Sendable, BitwiseCopyable {
    case noNodeReplies
    /// Those that reply don't belong to a cluster, or have no slots in theirs.
    case noCluster
    /// The store's user may not ask for it.
    case notPermitted

    package var sentence: StaticString {
        switch self {
        case .noNodeReplies: "no node replies"
        case .noCluster: "no node that replies belongs to a cluster with slots"
        case .notPermitted: "the store's user may not ask the nodes for their slots"
        }
    }
}
