// What the control thread has a worker do with the stores: the remote store belongs to the workers' connections, and
// the rules for what is kept in memory beside it are theirs too. Each command is answered once.

import CacheStorage

/// One thing to do.
package enum StoreCommand: Sendable {
    case find(CacheKey, keyText: [UInt8])
    case keep(CacheKey, StoredResponse)
    case remove([CacheKey])
}

/// What came of it.
package enum StoreCommandResult: Sendable {
    /// What `find` found.
    case found(StoredResponse)
    case nothing
    /// `keep` is done; not confirmed where a large record is still on its way to the remote store.
    case kept(isConfirmed: Bool)
    /// The response alone is larger than what the store may hold.
    case tooLarge
    /// So many records are gone, from every store.
    case removed(Int)
    /// The store can't do it now.
    case failed(StoreTrouble)
    /// There is no store (`store.backend: none`).
    case noStore
}

/// Carries out one command; the remote store holds it until it has answered.
final class StoreCommandRunner: StoreReceiver, StoreRemovalReceiver {
    private let worker: Worker
    private let command: StoreCommand
    private let answer: @Sendable (StoreCommandResult) -> Void
    private var removedFromMemory = 0

    init(worker: Worker, command: StoreCommand, answer: @escaping @Sendable (StoreCommandResult) -> Void) {
        self.worker = worker
        self.command = command
        self.answer = answer
    }

    func run() {
        guard worker.isStoring else { return answer(.noStore) }
        switch command {
        case .find(let key, let keyText):
            if let found = worker.memory?.lookup(key, keyText: keyText.span, now: worker.wallTime) {
                return answer(.found(found))
            }
            guard let remote = worker.remote else { return answer(.nothing) }
            ask(remote, key, keyText.span)
        case .keep(let key, let response): keep(key, response)
        case .remove(let keys):
            worker.shared.invalidations.note(keys, at: worker.loop.wallMilliseconds)
            removeFromMemory(keys)
            worker.counters.invalidated += keys.count
            guard let remote = worker.remote else { return answer(.removed(removedFromMemory)) }
            remote.remove(keys, receiver: self, token: 0)
        }
    }

    private func keep(_ key: CacheKey, _ response: StoredResponse) {
        guard let remote = worker.remote else {
            let isKept = worker.memory?.store(key, response) ?? false
            return answer(isKept ? .kept(isConfirmed: true) : .tooLarge)
        }
        switch remote.state {
        case .down(let trouble, _), .limited(let trouble, _): return answer(.failed(trouble))
        case .up: break
        }
        worker.put(key, response)
        // The answers of one connection come in order: what is read back now was written.
        ask(remote, key, response.keyText)
    }

    private func ask(_ remote: any RemoteStore, _ key: CacheKey, _ keyText: Span<UInt8>) {
        switch remote.lookup(key, keyText: keyText, now: worker.wallTime, receiver: self, token: 0) {
        case .pending: return
        case .failed(let trouble): answer(.failed(trouble))
        }
    }

    private func removeFromMemory(_ keys: [CacheKey]) {
        guard let memory = worker.memory else { return }
        for key in keys where memory.remove(key) { removedFromMemory += 1 }
    }

    func storeDidAnswer(_ result: consuming StoreAnswer, token: UInt64) {
        switch command {
        case .find, .remove:
            switch result {
            case .hit(let found): answer(.found(found))
            case .miss: answer(.nothing)
            case .failed(let trouble): answer(.failed(trouble))
            }
        case .keep:
            switch result {
            case .hit: answer(.kept(isConfirmed: true))
            case .failed(let trouble): answer(.failed(trouble))
            case .miss:
                // Refused by the store, or so large that it still goes out in pieces.
                switch worker.remote?.state {
                case .limited(let trouble, _), .down(let trouble, _): answer(.failed(trouble))
                case .up, nil: answer(.kept(isConfirmed: false))
                }
            }
        }
    }

    func storeDidRemove(_ removed: Int, trouble: StoreTrouble?, token: UInt64) {
        // A lookup on its way may have brought a copy back into memory since.
        if case .remove(let keys) = command { removeFromMemory(keys) }
        if let trouble { return answer(.failed(trouble)) }
        answer(.removed(max(removed, removedFromMemory)))
    }
}
