// What a Larder was told to do: one value, whole and checked, that nothing changes afterwards.
//
// The reader makes it from a file, `Configuration.quick` from a few command-line options; a reload makes a second one
// and the daemon swaps them. Types here are plain values: no I/O, no clock, no defaults hidden in the code that uses
// them. Names are the file's keys in camelCase; `KeyDescription.all` says in one sentence what each is for.

/// Everything that can be configured, with the defaults in place.
package struct Configuration: Sendable, Hashable {
    package var server = ServerSettings()
    package var admin = AdminSettings()
    package var store = StoreSettings()
    /// In the order of the file; names are unique.
    package var upstreams: [Upstream] = []
    /// In the order of the file; which one wins is a matter of how specific it is, not of the order.
    package var routes: [Route] = []
    package var limits = Limits()
    package var log = LogSettings()

    package init() {}

    /// The place in `upstreams` of the one called `name`; nil can't happen for a route of a checked configuration.
    package func indexOfUpstream(named name: String) -> Int? {
        upstreams.firstIndex { $0.name == name }
    }
}
