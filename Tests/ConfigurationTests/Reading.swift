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

/// The warnings as they are printed, without `f:`.
func warnings(_ text: String, complaint: @escaping (Surroundings.Reference) -> String? = { _ in nil }) -> [String] {
    let surroundings = Surroundings(environment: { _ in nil }, complaint: complaint)
    return ConfigurationFile.read(bytes: Array(text.utf8), fileName: "f", in: surroundings)
        .warnings.map { String($0.description.dropFirst(2)) }
}

/// Errors and warnings as they are printed, in the order of the file, without `f:`.
func findings(_ text: String) -> [String] { findings(Array(text.utf8)) }

func findings(_ bytes: [UInt8]) -> [String] {
    let reading = ConfigurationFile.read(bytes: bytes, fileName: "f", environment: { _ in nil })
    return (reading.faults + reading.warnings).sorted { $0.position < $1.position }
        .map { String($0.description.dropFirst(2)) }
}
