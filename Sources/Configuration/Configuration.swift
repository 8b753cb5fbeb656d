// The configuration: one complete, validated, immutable value.
//
// The reader makes it from a file, `Configuration.quick` from command-line options. A reload makes a new one, and the
// daemon swaps them. All types here are plain values without I/O or clock, and all defaults are here. Names are the
// file's keys in camelCase; `KeyDescription.all` describes each key in one sentence.

/// Everything that can be configured, with the defaults in place.
package struct Configuration: Sendable, Hashable {
    package var server = ServerSettings()
    package var admin = AdminSettings()
    package var store = StoreSettings()
    /// In the order of the file; names are unique.
    package var upstreams: [Upstream] = []
    /// In the order of the file. The most specific match wins, whatever the order.
    package var routes: [Route] = []
    package var limits = Limits()
    package var log = LogSettings()

    package init() {}

    /// The base path of each upstream, by its name.
    package var basePaths: [String: String] {
        Dictionary(upstreams.map { ($0.name, $0.basePath) }, uniquingKeysWith: { first, _ in first })
    }

    /// The index in `upstreams` of each name. A validated configuration's routes name no others.
    package var upstreamIndexes: [String: Int] {
        Dictionary(zip(upstreams.map(\.name), upstreams.indices), uniquingKeysWith: { first, _ in first })
    }
}
