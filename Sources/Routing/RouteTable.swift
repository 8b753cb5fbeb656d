// Which route matches a request: the most specific one (exact host, then `*.` host, then none; then segment by segment
// a literal before `{name}` before `{name...}`).
//
// The patterns form one trie in flat arrays, with a root per host. A search descends through the most specific child
// first and backtracks to the next one; every node has a single parent, so a search visits none twice. If no route of
// the exact host matches the path, the routes of less specific hosts are tried.
//
// Segments are percent-decoded one by one and then compared (RFC 3986 §6.2.2): `/t%61sks` matches the route `/tasks`,
// and `/a%2Fb` is one segment. `TargetPath` defines which paths are rejected before that. A trailing slash is an empty
// segment. `{name}` doesn't match an empty segment; `{name...}` matches any rest, even an empty one, and has the
// slash before it, unless it stands for nothing at all: `/users/{rest...}` matches `/users` where no route ends there.
//
// A route may have several hosts and paths; each pair of them is a place in the trie.

import Bytes
import Configuration
import HTTPWire

/// Why a table can't be built; a validated configuration has neither fault.
package enum RouteTableFault: Error, Hashable {
    /// More than `RouteMatch.parameterLimit` parameters.
    case tooManyParameters(route: Int)
    /// Both match exactly the same requests.
    case indistinguishable(route: Int, from: Int)
}

/// All routes, immutable, shared by the workers.
package final class RouteTable: Sendable {
    private struct Node: Sendable {
        /// The child for `{name}`, or -1; the routes below use -1 for none as well.
        var parameter: Int32 = -1
        /// The place of the route that ends here.
        var route: Int32 = -1
        /// That of the route that matches any rest.
        var rest: Int32 = -1
    }

    /// Pseudo-nodes whose children are the hosts.
    private static let exactHosts = Int(UInt32.max)
    private static let suffixHosts = Int(UInt32.max) - 1
    /// The root of the routes without a host.
    private static let anyHost = 0

    private let nodes: [Node]
    /// The route of each place: one path of it.
    private let places: [Int32]
    /// Where each of a route's parameters stands among those that its path at a place captures, and nothing for those that
    /// stand there in the route's order. Empty if all do.
    private let orders: [[UInt8]]
    private let literals: LiteralIndex
    private let hasExactHosts: Bool
    /// Length of the longest host suffix, such as `.example.com`; 0 if there is none. Bounds the work for a host with
    /// many dots.
    private let longestSuffix: Int
    /// How each route's keys are composed.
    package let recipes: [KeyRecipe]

    package init(_ routes: [Route]) throws(RouteTableFault) {
        var nodes = [Node()]
        var places: [Int32] = []
        var orders: [[UInt8]] = []
        var literals = LiteralIndex(
            capacity: routes.reduce(0) { sum, route in
                sum + route.hosts.count * route.paths.reduce(1) { $0 + $1.segments.count }
            })
        var hasExactHosts = false
        var longestSuffix = 0

        func newNode() -> Int {
            nodes.append(Node())
            return nodes.count - 1
        }
        /// The node at which the paths of a host begin.
        func root(of host: HostPattern) -> Int {
            switch host {
            case .any: return Self.anyHost
            case .exact(let host):
                hasExactHosts = true
                return literals.child(of: Self.exactHosts, by: HostName.literal(host), orInsert: newNode)
            case .suffix(let suffix):
                longestSuffix = max(longestSuffix, suffix.utf8.count)
                return literals.child(of: Self.suffixHosts, by: HostName.literal(suffix), orInsert: newNode)
            }
        }
        func insert(_ path: PathPattern, at root: Int, place: Int) throws(RouteTableFault) {
            var node = root
            var endsInRest = false
            for segment in path.segments {
                switch segment {
                case .literal(let text):
                    node = literals.child(of: node, by: PercentEncoding.decoded(text), orInsert: newNode)
                case .parameter:
                    if nodes[node].parameter < 0 {
                        let child = newNode()
                        nodes[node].parameter = Int32(child)
                    }
                    node = Int(nodes[node].parameter)
                case .rest:
                    endsInRest = true
                }
            }
            let taken = endsInRest ? nodes[node].rest : nodes[node].route
            if taken >= 0 {
                throw .indistinguishable(route: Int(places[place]), from: Int(places[Int(taken)]))
            }
            if endsInRest { nodes[node].rest = Int32(place) } else { nodes[node].route = Int32(place) }
        }
        for (number, route) in routes.enumerated() {
            let names = route.parameterNames
            for path in route.paths {
                let captured = path.parameterNames
                guard captured.count <= RouteMatch.parameterLimit else { throw .tooManyParameters(route: number) }
                let order = captured == names ? [] : names.map { UInt8(captured.firstIndex(of: $0) ?? 0) }
                places.append(Int32(number))
                orders.append(order)
                for host in route.hosts { try insert(path, at: root(of: host), place: places.count - 1) }
            }
        }
        self.nodes = nodes
        self.places = places
        self.orders = orders.allSatisfy(\.isEmpty) ? [] : orders
        self.literals = literals
        self.hasExactHosts = hasExactHosts
        self.longestSuffix = longestSuffix
        recipes = routes.map { KeyRecipe($0) }
    }

    /// The route for a request whose head was parsed from `bytes`.
    package func match(_ head: borrowing RequestHead, in bytes: Span<UInt8>) -> RouteVerdict {
        match(bytes, host: head.authority, path: head.path)
    }

    /// The route for a request. Allocates nothing.
    /// - Parameters:
    ///   - host: the authority of the request; a port and a trailing dot are ignored.
    ///   - path: the target's path. The `*` of OPTIONS is rejected as not absolute: don't call this for it.
    package func match(_ bytes: Span<UInt8>, host: ByteRange, path: ByteRange) -> RouteVerdict {
        let reading: LiteralReading
        switch TargetPath.form(of: bytes, in: path) {
        case .refused(let fault): return .refused(fault)
        case .plain: reading = .plain
        case .encoded: reading = .percentDecoded
        }
        var search = Search(start: min(path.lower + 1, path.upper), end: path.upper, reading: reading)
        if hasExactHosts || longestSuffix > 0 {
            let name = HostName.range(in: bytes, authority: host)
            if searchHosts(bytes, name, &search) { return .matched(search.match) }
        }
        if find(bytes, node: Self.anyHost, from: search.start, &search) { return .matched(search.match) }
        return .noRoute
    }

    private func searchHosts(_ bytes: Span<UInt8>, _ name: ByteRange, _ search: inout Search) -> Bool {
        if hasExactHosts {
            let root = root(Self.exactHosts, bytes, name)
            if root >= 0, find(bytes, node: root, from: search.start, &search) { return true }
        }
        // The longest suffix first; at least one label precedes it.
        var dot = max(name.lower + 1, name.upper - longestSuffix)
        while longestSuffix > 0, dot < name.upper {
            if bytes[dot] == UInt8(ascii: ".") {
                let root = root(Self.suffixHosts, bytes, ByteRange(dot, name.upper))
                if root >= 0, find(bytes, node: root, from: search.start, &search) { return true }
            }
            dot += 1
        }
        return false
    }

    private func root(_ kind: Int, _ bytes: Span<UInt8>, _ name: ByteRange) -> Int {
        var hash = LiteralHash()
        for index in name.lower..<name.upper { hash.add(bytes[index].lowercased) }
        return literals.child(of: kind, by: bytes, name, hash: hash.value, reading: .lowercased)
    }

    private struct Search {
        /// After the first slash.
        let start: Int
        let end: Int
        let reading: LiteralReading
        var match = RouteMatch()
    }

    /// Searches below `node` for a route that matches the path from `start`, the first byte of a segment, to its end.
    /// The recursion is at most as deep as the deepest pattern, however long the path is.
    private func find(_ bytes: Span<UInt8>, node: Int, from start: Int, _ search: inout Search) -> Bool {
        var hash = LiteralHash()
        var index = start
        while index < search.end, bytes[index] != UInt8(ascii: "/") {
            hash.add(search.reading.next(bytes, &index, search.end))
        }
        let segment = ByteRange(start, index)
        let child = literals.child(of: node, by: bytes, segment, hash: hash.value, reading: search.reading)
        if child >= 0, follow(bytes, to: child, after: segment, &search) { return true }

        let parameter = Int(nodes[node].parameter)
        if parameter >= 0, !segment.isEmpty {
            search.match.push(segment)
            if follow(bytes, to: parameter, after: segment, &search) { return true }
            search.match.pop()
        }
        guard nodes[node].rest >= 0 else { return false }
        search.match.push(ByteRange(start, search.end))
        return end(at: nodes[node].rest, &search)
    }

    @inline(__always)
    private func follow(
        _ bytes: Span<UInt8>, to node: Int, after segment: ByteRange, _ search: inout Search
    ) -> Bool {
        if segment.upper < search.end { return find(bytes, node: node, from: segment.upper + 1, &search) }
        if nodes[node].route >= 0 { return end(at: nodes[node].route, &search) }
        guard nodes[node].rest >= 0 else { return false }
        search.match.push(.empty)
        return end(at: nodes[node].rest, &search)
    }

    @inline(__always)
    private func end(at place: Int32, _ search: inout Search) -> Bool {
        search.match.route = Int(places[Int(place)])
        if !orders.isEmpty, !orders[Int(place)].isEmpty { search.match.reorder(orders[Int(place)]) }
        return true
    }
}
