// What the suites share: a file that is right in all but what a case changes.

import ConfigurationReader

@testable import Configuration

/// Appended where a case is about something else than upstreams and routes.
let rest = """

    upstreams: {a: "http://127.0.0.1:9000"}
    routes: [{path: /x, upstream: a}]
    """

func read(_ text: String, environment: [String: String] = [:]) -> ConfigurationReading {
    ConfigurationFile.read(bytes: Array(text.utf8), fileName: "f", environment: { environment[$0] })
}

/// The faults as they are printed, without `f:`.
func faults(_ text: String, environment: [String: String] = [:]) -> [String] {
    read(text, environment: environment).faults.map { String($0.description.dropFirst(2)) }
}
