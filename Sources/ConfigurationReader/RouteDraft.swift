// One entry of `routes`, as far as it was read.

import Configuration

/// A route while it is read.
struct RouteDraft {
    /// Until its paths are read, and if these are faulty, one that matches everything.
    var route: Route
    /// Empty if `path` and `paths` are missing or faulty.
    var paths: [PathReader.Placed] = []

    /// The first of them.
    var path: PathPattern? { paths.first?.value }
    /// The parameters that templates may name: those that each path has.
    var parameterNames: [String] { Route.parameterNames(of: paths.map(\.value)) }
    /// Where `cache.key` stands.
    var keyPosition: Position?
}
