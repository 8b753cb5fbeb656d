// The search for the store's master, where sentinels name it: one for the process, on the control thread, so that all workers
// move to a new master together and the sentinels are asked once.

import CacheStorage
import Configuration
import EventLoop
import RedisStorage

extension Server {
    /// Searches for the master of the configuration that holds now, instead of that before.
    func startMasterSearch() {
        let location: MasterLocation? = if case .master(let location) = update.site { location } else { nil }
        guard masterSearch?.location !== location else { return }
        masterSearch?.close()
        masterSearch = nil
        guard let location, let group = configuration.store.sentinels else { return }
        let settings = SentinelSettings(
            sentinels: group.servers.map { MasterAddress(host: $0.host, port: $0.port) }, master: group.master,
            user: group.user, password: group.password, tls: update.redisTLS)
        masterSearch = MasterSearch(
            loop: loop, settings: settings, resolver: shared.resolver, location: location,
            newNumber: { [loop, undelivered = shared.stores.undelivered] in
                undelivered.nextMaster(now: loop.now.milliseconds)
            },
            report: { [loop, log, name = group.master] event in
                let line = event.line(for: name)
                log.write(line.level, about: "sentinel", line.text, now: loop.now)
            })
    }
}

extension MasterEvent {
    fileprivate func line(for name: String) -> (level: LogSettings.Level, text: String) {
        switch self {
        case .named(let master, let sentinel):
            (.notice, "the store's master \(name) is \(master) (sentinel \(sentinel))")
        case .changed(let before, let master, let sentinel):
            (.warning, "the store's master \(name) is \(master) now, instead of \(before) (sentinel \(sentinel))")
        case .confirmed(let sentinel):
            (.notice, "sentinels name the store's master \(name) again (sentinel \(sentinel))")
        case .unknownError(let text): (.warning, "a sentinel replied with an unknown error: \(text)")
        case .lost(let trouble, let connection):
            (
                .warning,
                "the store's master \(name) isn't known or may be out of date: \(trouble.sentence)"
                    + (connection.map { " (of one that isn't connected: \($0.sentence))" } ?? "")
            )
        }
    }
}
