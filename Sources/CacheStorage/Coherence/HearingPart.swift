// What a tracker tells of how changes in the remote store are heard of. Where several servers have the keys, each tracker tells of
// a part of them.

/// Used on the tracker's thread.
package protocol HearingPart: AnyObject {
    /// How changes are heard of from now on. Any session ends.
    func set(_ mode: HearingMode, grace: Int64)

    /// Everything is heard of from now on.
    /// - Parameters:
    ///   - asked: when the sign of life that shows it was asked for.
    ///   - server: whose changes these are.
    func beginSession(asked: WallTime, server: UInt64)

    /// A sign of life has come, which was asked for at that time.
    func noteLife(asked: WallTime)

    /// The connection is lost.
    func lose()
}

extension Hearing: HearingPart {}
