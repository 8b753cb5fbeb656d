// Writing small records, each with its life in the same command.

import CacheStorage

extension RedisStore {
    /// Whether a write may be begun now.
    var canWrite: Bool {
        phase == .serving && loop.now.milliseconds >= writesResumeAt && output.count < settings.outputLimit / 2
            && waiters.count < settings.waitingLimit
    }

    /// SET key record PX life.
    func writeSmall(_ key: CacheKey, _ record: StoredResponse, life: Int64, holding token: AnyObject?) {
        let total = RecordFormat.headerCount + record.lengths.total
        let isEternal = record.discardAt == .never
        output.command(isEternal ? 3 : 5)
        output.argument("SET")
        output.argument(key, prefix: prefix)
        output.bulk(total)
        RecordFormat.appendHeader(of: record, to: &output, scratch: &scratch)
        RecordFormat.appendContents(of: record, 0..<total, to: &output)
        output.append("\r\n")
        if !isEternal {
            output.argument("PX")
            output.argument(decimal: Int(life))
        }
        var waiter = Waiter(command: .store, deadline: commandDeadline)
        waiter.subject = token
        enlist(waiter)
    }
}
