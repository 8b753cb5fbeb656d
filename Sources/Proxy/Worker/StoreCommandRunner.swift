// Carries out what operators ask of the stores, on a worker: the remote store belongs to the workers' connections, and the
// rules for what is kept in memory beside it are theirs too. Each command has one result.

import CacheStorage

/// Carries out one command; the remote store holds it until it has replied.
final class StoreCommandRunner: StoreReceiver, StoreRemovalReceiver {
    private let worker: Worker
    private let command: StoreCommand
    private let done: @Sendable (StoreCommandResult) -> Void
    private var removedFromMemory = 0

    init(worker: Worker, command: StoreCommand, done: @escaping @Sendable (StoreCommandResult) -> Void) {
        self.worker = worker
        self.command = command
        self.done = done
    }

    func run() {
        guard worker.cache.isStoring else { return done(.noStore) }
        switch command {
        case .find(let key, let keyText, let form):
            tell(
                worker.cache.lookUp(
                    key, keyText: keyText.span, as: form, now: worker.wallTime, receiver: self, token: 0))
        case .keep(let key, let response): keep(key, response)
        case .remove(let keys):
            removedFromMemory = worker.cache.invalidate(keys, at: worker.wallTime, receiver: self)
            if !worker.cache.usesRemote { done(.removed(removedFromMemory)) }
        }
    }

    private func keep(_ key: CacheKey, _ response: StoredResponse) {
        if let trouble = worker.cache.remoteTrouble { return done(.failed(trouble)) }
        let isKept = worker.cache.put(key, response, now: worker.wallTime)
        guard worker.cache.usesRemote else { return done(isKept ? .kept(isConfirmed: true) : .tooLarge) }
        // The replies of one connection come in order: what is read back now was written.
        let isJSON = response.facts.flags.contains(.bareJSON)
        let form = isJSON ? RecordForm.json(longest: response.facts.lifetime.milliseconds) : .whole
        tell(
            worker.cache.lookUpInRemote(
                key, keyText: response.keyText, as: form, now: worker.wallTime, receiver: self, token: 0))
    }

    private func tell(_ lookup: CacheLookup) {
        switch lookup {
        case .pending: return
        case .hit(let found): tell(found)
        case .miss: done(.nothing)
        case .failed(let trouble): fail(because: trouble)
        }
    }

    /// What was invalidated isn't there for requests either, though a store may still have it.
    private func tell(_ found: StoredResponse) {
        guard case .find(let key, _, _) = command else { return done(.kept(isConfirmed: true)) }
        let cache = worker.cache
        let isCurrent =
            cache.isCurrent(found, key: key, plainKey: key, now: worker.wallTime)
            && cache.purgeVerdict(on: found, key: key) != .hard
        done(isCurrent ? .found(found) : .nothing)
    }

    /// What was kept is on its way where a slow store isn't asked whether it has arrived.
    private func fail(because trouble: StoreTrouble) {
        if case .keep = command, trouble == .tooSlow { return done(.kept(isConfirmed: false)) }
        done(.failed(trouble))
    }

    func storeDidAnswer(_ result: consuming StoreAnswer, token: UInt64) {
        switch command {
        case .find, .remove:
            switch result {
            case .hit(let found): tell(found)
            case .miss, .occupied: done(.nothing)
            case .failed(let trouble): done(.failed(trouble))
            }
        case .keep:
            switch result {
            case .hit: done(.kept(isConfirmed: true))
            case .failed(let trouble): done(.failed(trouble))
            case .miss, .occupied:
                // Refused by the store, or so large that it still goes out in pieces.
                done(worker.cache.remoteTrouble.map { .failed($0) } ?? .kept(isConfirmed: false))
            }
        }
    }

    func storeDidRemove(_ removed: Int, trouble: StoreTrouble?, token: UInt64) {
        // A lookup on its way may have brought a copy back into memory since.
        if case .remove(let keys) = command { removedFromMemory += worker.cache.deleteFromMemory(keys) }
        if let trouble { return done(.failed(trouble)) }
        done(.removed(max(removed, removedFromMemory)))
    }
}
