// How the event log tells of an upstream's changes.

import Configuration
import EventLoop
import Origins

extension UpstreamChange {
    /// One line for the change and what follows from it.
    func write(to log: EventLog) {
        log.write(level, about: "upstream \(upstream) \(place)", line, now: time)
    }

    private var level: LogSettings.Level {
        switch (consequence, kind) {
        case (.isDown, _): .error
        case (_, .recovered), (_, .resolved): .notice
        case (_, .ejected), (_, .failsCheck), (_, .unresolved): .warning
        }
    }

    var line: String {
        switch consequence {
        case .isDown: "upstream \(upstream) is down: \(event)\(servers > 1 ? "; none of \(servers) servers is up" : "")"
        case .isUp: "upstream \(upstream) is up: \(event)\(remaining)"
        case .none: "upstream \(upstream): \(event)\(remaining)"
        }
    }

    private var event: String {
        switch kind {
        case .ejected(let trouble): "\(place) is ejected: \(trouble.reason)"
        case .failsCheck(let trouble): "\(place) is down: \(trouble.reason)"
        case .recovered(let trouble):
            "\(place) is up after \(trouble.tally(now: time))"
        case .unresolved(let reason): "the name of \(place) cannot be resolved: \(reason)"
        case .resolved: "the name of \(place) can be resolved again"
        }
    }

    private var remaining: String { servers > 1 ? "; \(serversUp) of \(servers) servers are up" : "" }
}

extension EndpointTrouble {
    /// `12 failures in 34 s`
    func tally(now: MonotonicTime) -> String {
        "\(failures) \(failures == 1 ? "failure" : "failures") in \(roughDuration(now.milliseconds(since: since)))"
    }
}
