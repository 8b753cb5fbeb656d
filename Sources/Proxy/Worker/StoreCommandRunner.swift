// Carries out what operators ask of the stores, on a worker: the remote store belongs to the workers' connections, and the
// rules for what is kept in memory beside it are theirs too. Each command is answered once.

import CacheStorage

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
        guard worker.cache.isStoring else { return answer(.noStore) }
        switch command {
        case .find(let key, let keyText):
            tell(worker.cache.lookUp(key, keyText: keyText.span, now: worker.wallTime, receiver: self, token: 0))
        case .keep(let key, let response): keep(key, response)
        case .remove(let keys):
            removedFromMemory = worker.cache.invalidate(keys, at: worker.wallTime, receiver: self)
            if !worker.cache.usesRemote { answer(.removed(removedFromMemory)) }
        }
    }

    private func keep(_ key: CacheKey, _ response: StoredResponse) {
        if let trouble = worker.cache.remoteTrouble { return answer(.failed(trouble)) }
        let isKept = worker.cache.put(key, response, now: worker.wallTime)
        guard worker.cache.usesRemote else { return answer(isKept ? .kept(isConfirmed: true) : .tooLarge) }
        // The answers of one connection come in order: what is read back now was written.
        tell(
            worker.cache.lookUpInRemote(
                key, keyText: response.keyText, now: worker.wallTime, receiver: self, token: 0))
    }

    private func tell(_ lookup: CacheLookup) {
        switch lookup {
        case .pending: return
        case .hit(let found): answer(.found(found))
        case .miss: answer(.nothing)
        case .failed(let trouble): answer(.failed(trouble))
        }
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
                answer(worker.cache.remoteTrouble.map { .failed($0) } ?? .kept(isConfirmed: false))
            }
        }
    }

    func storeDidRemove(_ removed: Int, trouble: StoreTrouble?, token: UInt64) {
        // A lookup on its way may have brought a copy back into memory since.
        if case .remove(let keys) = command { removedFromMemory += worker.cache.deleteFromMemory(keys) }
        if let trouble { return answer(.failed(trouble)) }
        answer(.removed(max(removed, removedFromMemory)))
    }
}
