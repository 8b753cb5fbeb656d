// Key templates that leave out what responses depend on: the host, the scheme, or which upstream the route has. Two routes whose
// templates can give the same text share entries, so they must have one upstream, or `{route}` in their keys; and they must store entries in one form.
//
// Whether two can meet is decided by shape: literal text stands for itself, a value for any text of its alphabet. That may take
// two for meeting that never do; never the reverse.

import Configuration

enum SharedKeys {
    /// A route whose `cache` has a `key`, and where that stands.
    typealias Placed = (route: Route, position: Position)

    /// Steps of comparisons in one file. A file that takes more is not compared to its end.
    private static let stepsBound = 10_000_000

    static func check(_ routes: [Placed], of configuration: Configuration, in faults: FaultList) {
        // A faulty route may say something else once it is mended.
        if faults.count == 0 { warn(routes, of: configuration, in: faults) }
        rejectMeeting(routes, in: faults)
    }

    private static func warn(_ routes: [Placed], of configuration: Configuration, in faults: FaultList) {
        let seesHost = Dictionary(
            configuration.upstreams.map { ($0.name, $0.host == .client) }, uniquingKeysWith: { first, _ in first })
        for placed in routes {
            guard let key = placed.route.cache?.key, !key.pieces.contains(.standard) else { continue }
            if !key.pieces.contains(.host), !placed.route.namesItsHosts, seesHost[placed.route.upstream ?? ""] != false
            {
                let hosts = placed.route.hosts.contains(.any) ? "every host" : "several hosts"
                faults.warn(
                    placed.position, "the key has no {host}, and this route serves \(hosts), which share its entries",
                    hint: "add {host} to the key, or give the route a `host`")
            }
            if !key.pieces.contains(.scheme), !configuration.server.trustedProxies.isEmpty {
                faults.warn(
                    placed.position,
                    "the key has no {scheme}: what comes over http is served over https, and the reverse",
                    hint: "add {scheme} to the key, as a proxy that is trusted says which it was")
            }
        }
    }

    // MARK: Meeting

    private struct Candidate {
        let index: Int
        let shape: KeyShape
        let prefix: [UInt8]
    }

    /// Routes whose keys begin with the same literal text, of one template, one upstream and the same hosts.
    private struct Group {
        let name: GroupName
        var candidates: [Candidate] = []
    }

    private struct GroupName: Hashable {
        let prefix: [UInt8]
        let template: String
        let upstream: String
        let record: CacheSettings.Record
        let hosts: [HostPattern]
    }

    /// Only those are compared of which one's literal beginning is the beginning of the other's.
    private static func rejectMeeting(_ routes: [Placed], in faults: FaultList) {
        guard Set(routes.map(\.route.upstream)).count > 1 || Set(routes.map(\.route.cache?.record)).count > 1
        else { return }
        var groups: [Group] = []
        var places: [GroupName: Int] = [:]
        var byPrefix: [[UInt8]: [Int]] = [:]
        var candidates: [(Candidate, group: Int)] = []
        for (index, placed) in routes.enumerated() {
            guard let key = placed.route.cache?.key, let upstream = placed.route.upstream else { continue }
            let shape = KeyShape(key, of: placed.route)
            let candidate = Candidate(index: index, shape: shape, prefix: shape.prefix)
            let name = GroupName(
                prefix: candidate.prefix, template: key.text, upstream: upstream,
                record: placed.route.cache?.record ?? .whole, hosts: placed.route.hosts)
            let place = places[name] ?? groups.count
            if place == groups.count {
                groups.append(Group(name: name))
                places[name] = place
                byPrefix[candidate.prefix, default: []].append(place)
            }
            groups[place].candidates.append(candidate)
            candidates.append((candidate, place))
        }
        var steps = 0
        for (candidate, place) in candidates {
            let own = groups[place].name
            search: for length in 0...candidate.prefix.count {
                for place in byPrefix[Array(candidate.prefix[..<length])] ?? [] {
                    let group = groups[place]
                    guard group.name.upstream != own.upstream || group.name.record != own.record,
                        group.name.template != own.template
                            || !tellsRoutes(routes[candidate.index].route, areSameHosts: group.name.hosts == own.hosts)
                    else { continue }
                    for other in group.candidates {
                        // Of those with equal beginnings each would find the other.
                        if length == candidate.prefix.count, other.index > candidate.index { break }
                        steps += candidate.shape.tokens.count * other.shape.tokens.count
                        guard steps <= stepsBound else {
                            faults.warn(
                                routes[candidate.index].position,
                                "there are too many keys to find those that two upstreams share",
                                hint: "begin each key with a text of its own")
                            return
                        }
                        guard candidate.shape.meets(other.shape) else { continue }
                        report(routes[candidate.index], routes[other.index], in: faults)
                        break search
                    }
                }
            }
        }
    }

    /// Whether the route's template gives different texts for requests that go to different routes of that template. One host
    /// and one path belong to one route.
    private static func tellsRoutes(_ route: Route, areSameHosts: Bool) -> Bool {
        guard let pieces = route.cache?.key?.pieces else { return false }
        return pieces.contains(.route) || pieces.contains(.standard)
            || pieces.contains(.path) && (areSameHosts || pieces.contains(.host))
    }

    private static func report(_ placed: Placed, _ other: Placed, in faults: FaultList) {
        let (later, first) = placed.position < other.position ? (other, placed) : (placed, other)
        if first.route.upstream == later.route.upstream {
            faults.add(
                later.position,
                "the key can be the same as that on \(faults.line(of: first.position, from: later.position)), whose "
                    + "`record` is \(first.route.cache?.record.rawValue ?? "")",
                hint: "give both the same `record`, or begin each key with a text of its own")
            return
        }
        faults.add(
            later.position,
            "the key can be the same as that on \(faults.line(of: first.position, from: later.position)), whose upstream is "
                + quoted(first.route.upstream ?? ""),
            hint: "begin each with a text of its own, or add {route} to both")
    }
}

/// The texts that a template can give.
private struct KeyShape {
    enum Token: Equatable {
        case byte(UInt8)
        /// Any text of unreserved characters and `%`; with slashes where these stand literally.
        case value(holdsSlashes: Bool)
        /// Any text.
        case anything
    }

    private(set) var tokens: [Token] = []

    /// The literal text that all of them begin with.
    var prefix: [UInt8] {
        var prefix: [UInt8] = []
        for case .byte(let byte) in tokens.prefix(while: \.isByte) { prefix.append(byte) }
        return prefix
    }

    init(_ key: KeyTemplate, of route: Route) {
        for piece in key.pieces {
            switch piece {
            case .literal(let text): tokens += text.map(Token.byte)
            case .standard: tokens.append(.anything)
            case .route: append(route.match.text, keepsSlashes: true)
            case .path where route.paths.count == 1: append(route.path)
            case .path: tokens.append(.value(holdsSlashes: true))
            case .host:
                if route.hasOneHost, case .exact(let host) = route.host { append(host) }
                // A port may follow, or it is any host.
                tokens.append(.value(holdsSlashes: false))
            case .lookup(let name, _), .pathParameter(let name, _):
                tokens.append(.value(holdsSlashes: route.takesRest(name)))
            case .queryParameter, .header, .cookie, .method, .scheme, .query, .body:
                tokens.append(.value(holdsSlashes: false))
            }
        }
    }

    private mutating func append(_ path: PathPattern) {
        for segment in path.segments {
            tokens.append(.byte(UInt8(ascii: "/")))
            switch segment {
            case .literal(let text):
                // Spelled in one of several ways: `/a:b`, `/a%3Ab`.
                if text.utf8.allSatisfy(\.isUnreserved) {
                    append(text)
                } else {
                    tokens.append(.value(holdsSlashes: false))
                }
            case .parameter: tokens.append(.value(holdsSlashes: false))
            case .rest: tokens.append(.value(holdsSlashes: true))
            }
        }
    }

    private mutating func append(_ text: String, keepsSlashes: Bool = false) {
        for byte in text.utf8 {
            if byte.isUnreserved || keepsSlashes && byte == UInt8(ascii: "/") {
                tokens.append(.byte(byte))
            } else {
                tokens += percentTriplet(byte).utf8.map(Token.byte)
            }
        }
    }

    /// Whether some text is given by both. The work is the product of the two lengths.
    func meets(_ other: KeyShape) -> Bool {
        // Which beginnings of `other` some text has in common with the tokens so far.
        var reached = [Bool](repeating: false, count: other.tokens.count + 1)
        reached[0] = true
        other.skip(&reached)
        for token in tokens {
            var next = [Bool](repeating: false, count: reached.count)
            for place in reached.indices where reached[place] || next[place] {
                if reached[place], !token.isByte { next[place] = true }
                guard place < other.tokens.count else { continue }
                let theirs = other.tokens[place]
                switch (token, theirs) {
                case (.byte(let mine), .byte(let their)): if reached[place], mine == their { next[place + 1] = true }
                case (.byte(let mine), _): if reached[place], theirs.takes(mine) { next[place] = true }
                case (_, .byte(let their)): if token.takes(their) { next[place + 1] = true }
                // Both may be empty.
                case (_, _): next[place + 1] = true
                }
            }
            other.skip(&next)
            reached = next
        }
        return reached[other.tokens.count]
    }

    /// A value may be empty.
    private func skip(_ reached: inout [Bool]) {
        for place in tokens.indices where reached[place] && !tokens[place].isByte { reached[place + 1] = true }
    }
}

extension KeyShape.Token {
    var isByte: Bool { if case .byte = self { true } else { false } }

    func takes(_ byte: UInt8) -> Bool {
        switch self {
        case .byte(let own): own == byte
        case .value(let holdsSlashes):
            byte.isUnreserved || byte == UInt8(ascii: "%") || holdsSlashes && byte == UInt8(ascii: "/")
        case .anything: true
        }
    }
}

extension Route {
    /// Whether the file lists all hosts that it serves.
    fileprivate var namesItsHosts: Bool {
        hosts.allSatisfy { if case .exact = $0 { true } else { false } }
    }

    /// Whether all its requests are for one host.
    fileprivate var hasOneHost: Bool { if hosts.count == 1, case .exact = host { true } else { false } }
}
