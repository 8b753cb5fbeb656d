// The keys that all Larders of a fleet share beside the entries. The braces put them into one slot of a cluster; they don't begin
// as entries do, so that a sign of life isn't told to everybody who hears of changed entries.

import CacheStorage

struct FleetNames: Equatable {
    /// The stream of purges, which other programs may write too.
    let purges: [UInt8]
    /// A hash with a field for each Larder: up to where it has applied purges, and until when it relies on that.
    let members: [UInt8]
    /// Something random and the time at which it was put there: both change when Redis has lost everything.
    let epoch: [UInt8]

    init(prefix: String) {
        purges = Array("{\(prefix)}purges".utf8)
        members = Array("{\(prefix)}fleet".utf8)
        epoch = Array("{\(prefix)}epoch".utf8)
    }

    /// About so many purges are kept in the stream: 26 bytes each.
    static let streamLength = 131_072
}
