// A large response that a remote store sends in pieces. Its head is there and verified; whoever can do with that alone, or
// passes the body on as it comes, needn't wait for the whole. The pieces are of one record: when it is replaced, deleted or
// found to be damaged in between, the rest never comes. Who waits until more has come is spared that: the store is asked for all
// the rest at one moment.

/// Used on the thread of its store's worker.
package protocol ArrivingRecord: AnyObject {
    /// The response without its body.
    var head: StoredResponse { get }
    var bodyCount: Int { get }
    /// What takes the body as it arrives; nil while nothing does. Everybody who looks the record up meanwhile is offered it too.
    var body: (any ArrivingBody)? { get }

    /// Whether lookups wait for the whole.
    var isAwaited: Bool { get }

    /// Whether nothing has been asked for beyond the first piece, and nobody waits for that.
    var isUntouched: Bool { get }

    /// Whether it is worth waiting until more has come: what is asked for at once is all there or not at all. Not so of a record
    /// that is too large for that, nor of one that has more already.
    var mayAwaitMore: Bool { get }

    /// Whether others who looked it up are about to be offered it.
    var isSought: Bool { get }

    /// From now on, what arrives goes to `body`, until it ended, failed, or stopped.
    /// - Returns: what has arrived, for which the budget has room, and not yet for more; nil if something else takes it.
    func begin(_ body: any ArrivingBody) -> StoredResponseBuilder?

    /// Of the body nothing but this part is needed. To be said by a body that has just begun with an untouched record, and
    /// isn't open.
    /// - Returns: where in the body what arrives next begins; 0 if what has arrived already is a part of it.
    func narrow(to part: Range<Int>) -> Int

    /// The store is asked for more.
    func readOn()

    /// Nobody needs the rest. The body isn't called any more.
    func stop()
}

/// Takes the body of an arriving record. Must not use the store from within.
package protocol ArrivingBody: AnyObject {
    /// Whether whoever looks the record up now may still have it from here.
    var isOpen: Bool { get }
    /// Whether the store waits, each time that everything it was asked for has come, until that was passed on.
    var isInStep: Bool { get }

    /// The next bytes, which are verified.
    func bodyArrived(_ piece: Span<UInt8>)
    /// In step: whether the store may be asked for more now; if not, the body calls `readOn` in time.
    func mayReadOn() -> Bool
    /// All of it has arrived.
    /// - Returns: the whole record, if it was kept.
    func bodyEnded() -> StoredResponse?
    /// The rest can't be had.
    func bodyFailed()
}

/// What becomes of an arriving record.
package enum ArrivingRecordUse: Sendable, BitwiseCopyable {
    /// It was used: nothing more is to be told.
    case taken
    /// It is of no use any more.
    case dropped
    /// It is to be offered again once more of it has come. If it is replaced or deleted until then, that is a miss.
    case awaitMore
    /// The whole is needed: ``StoreReceiver/storeDidAnswer(_:token:)`` brings it.
    case awaitWhole
    /// There is no memory for it: the lookup fails.
    case refused
}
