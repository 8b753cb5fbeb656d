// What reaches a worker from other threads.

import CacheStorage
import EventLoop

enum WorkerMessage: Sendable {
    case adopt(ConfigurationUpdate)
    case report(@Sendable (Counters, StoreState?) -> Void)
    case command(StoreCommand, done: @Sendable (StoreCommandResult) -> Void)
    case explain(DescribedRequest, done: @Sendable (Explanation) -> Void)
    case drain(deadline: MonotonicTime)
    case stop
}
