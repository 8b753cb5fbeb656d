// `log`: what is logged, where to, and from which level on.

/// The key `log`.
package struct LogSettings: Sendable, Hashable {
    package enum Access: String, Sendable, Hashable, CaseIterable {
        case off, common, combined, json
    }

    package enum Destination: Sendable, Hashable {
        case stdout
        /// Reopened on SIGUSR1 and SIGHUP.
        case file(path: String)
    }

    package enum Level: String, Sendable, Hashable, CaseIterable {
        case debug, info, notice, warning, error
    }

    package var access = Access.off
    package var to = Destination.stdout
    package var level = Level.info

    package init() {}
}
