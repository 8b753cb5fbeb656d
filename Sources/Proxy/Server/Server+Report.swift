// What the workers tell the control thread: their counters when asked, and their end.

import Bytes
import CacheStorage
import EventLoop

extension Server {
    /// Calls `done` with all workers' counters, on the control thread, within a second.
    package func gather(_ done: @escaping (ServerReport) -> Void) {
        nextGathering &+= 1
        let number = nextGathering
        let timer = LoopTimer(loop: loop) { [weak self] in self?.finishGathering(number) }
        timer.schedule(afterMilliseconds: 1000)
        gatherings[number] = Gathering(timer: timer, done: done)
        for (index, mailbox) in mailboxes.enumerated() {
            let control = self.control
            mailbox.post(.report { counters, state in control.post(.report(number, worker: index, counters, state)) })
        }
    }

    /// Has the first worker do something with the stores; `done` is called on that worker's thread.
    package func post(_ command: StoreCommand, _ done: @escaping @Sendable (StoreCommandResult) -> Void) {
        mailboxes.first?.post(.command(command, done: done))
    }

    /// Has the first worker explain a request; `done` is called on that worker's thread.
    package func post(_ request: DescribedRequest, _ done: @escaping @Sendable (Explanation) -> Void) {
        mailboxes.first?.post(.explain(request, done: done))
    }

    func finishGathering(_ number: UInt64) {
        guard var gathering = gatherings.removeValue(forKey: number) else { return }
        gathering.timer.cancel()
        gathering.report.silentWorkers = mailboxes.count - gathering.answered.count
        gathering.report.workers.sort { $0.index < $1.index }
        gathering.done(gathering.report)
    }

    func handle(_ message: ControlMessage) {
        switch message {
        case .report(let number, let worker, let counters, let state):
            guard var gathering = gatherings[number] else { return }
            gathering.answered.insert(worker)
            gathering.report.total.add(counters)
            gathering.report.workers.append((worker, counters))
            if let state { gathering.report.storeState = worse(gathering.report.storeState, state) }
            gatherings[number] = gathering
            if gathering.answered.count == mailboxes.count { finishGathering(number) }
        case .ended:
            running -= 1
            if running == 0 {
                for thread in threads { thread.join() }
                threads = []
                leaveFleet()
                finished?()
            }
        }
    }

    func worse(_ known: StoreState?, _ other: StoreState) -> StoreState {
        guard let known else { return other }
        switch (known, other) {
        case (.down, _): return known
        case (_, .down): return other
        case (.partial, _): return known
        case (_, .partial): return other
        case (.limited, _): return known
        default: return other
        }
    }
}
