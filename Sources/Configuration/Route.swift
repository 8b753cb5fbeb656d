// `routes`: which requests go where.

/// One entry of `routes`.
package struct Route: Sendable, Hashable {
    /// Who responds.
    package enum Action: Sendable, Hashable {
        /// A server of the upstream with this name.
        case forward(upstream: String)
        /// Larder itself.
        case respond(FixedResponse)
        case redirect(Redirect)
    }

    /// The path that the upstream is asked for.
    package enum Forwarding: Sendable, Hashable {
        /// The client's.
        case unchanged
        /// The client's without these segments at its beginning, as in `/api`. Each of the route's paths begins with them.
        case strip(PathPattern)
        /// Another one, made of the route's parameters.
        case rewrite(PathTemplate)
    }

    /// At least one. A request for any of them is the route's.
    package var paths: [PathPattern]
    /// At least one; `.any` alone if the file names none.
    package var hosts = [HostPattern.any]
    package var action: Action
    package var forwarding = Forwarding.unchanged
    /// nil: every request passes through and nothing is stored.
    package var cache: CacheSettings?
    /// nil: responses are passed on as they come.
    package var compression: CompressionSettings?
    /// What is not nil replaces the upstream's.
    package var timeouts = Timeouts()
    /// Replaces the upstream's, unless it is nil.
    package var retries: Int?
    /// What becomes of its requests while Redis is down.
    package var onStoreDown = StoreOutage.pass
    /// The protocols that a connection may be upgraded to (RFC 9110 §7.8), in lower case; then it is a tunnel.
    package var upgrade: [String] = []
    /// What changes of the fields that the upstream gets.
    package var request = FieldChanges()
    /// What changes of the fields that clients get.
    package var response = FieldChanges()
    /// What clients are told instead of the upstream's `Cache-Control`.
    package var cacheControl: CacheControlValue?

    /// What `upgrade: on` lets through.
    package static let usualUpgrade = ["websocket"]

    /// `timeouts` of a route.
    package struct Timeouts: Sendable, Hashable {
        package var connect: Milliseconds?
        package var firstByte: Milliseconds?
        package var betweenBytes: Milliseconds?

        package init() {}
    }

    /// Which requests it matches: no two routes of a configuration have this in common.
    package struct Match: Sendable, Hashable {
        package let hosts: [HostPattern]
        package let paths: [PathPattern]

        /// As the file has it: `api.example.com/tasks/{id}`; lists with commas.
        package var text: String {
            let all = hosts.map(\.description).joined(separator: ", ")
            return all + (hosts.count > 1 ? " " : "") + paths.map(\.description).joined(separator: ", ")
        }
    }

    package var match: Match { Match(hosts: hosts, paths: paths) }

    package init(path: PathPattern, upstream: String) {
        paths = [path]
        action = .forward(upstream: upstream)
    }
}

extension Route {
    /// The first of its paths; setting it makes it the only one.
    package var path: PathPattern {
        get { paths[0] }
        set { paths = [newValue] }
    }

    /// The first of its hosts; setting it makes it the only one.
    package var host: HostPattern {
        get { hosts[0] }
        set { hosts = [newValue] }
    }

    /// The name of its entry of `upstreams`; nil where Larder responds itself.
    package var upstream: String? {
        if case .forward(let name) = action { name } else { nil }
    }

    /// All its paths, as figures and explanations name it.
    package var pathText: String { paths.map(\.description).joined(separator: ", ") }
    /// All its hosts; empty for any.
    package var hostText: String { hosts.map(\.description).joined(separator: ", ") }

    /// The parameters that templates may name: those that each path has, in the order of the first.
    package var parameterNames: [String] { Route.parameterNames(of: paths) }

    package static func parameterNames(of paths: [PathPattern]) -> [String] {
        guard let first = paths.first else { return [] }
        return first.parameterNames.filter { name in
            paths.dropFirst().allSatisfy { $0.parameterNames.contains(name) }
        }
    }

    /// Whether a parameter takes the rest of one of the paths, with any number of slashes, or nothing.
    package func takesRest(_ name: String) -> Bool { paths.contains { $0.takesRest(name) } }
}

extension Route {
    /// A protocol of `upgrade`, in lower case; empty for `off`.
    package static func upgrade(parsing text: String) throws(ValueFault) -> String {
        switch text {
        case "on", "true", "True", "TRUE": return usualUpgrade[0]
        case "off", "false", "False", "FALSE": return ""
        case "yes", "Yes", "y", "1", "enabled", "On", "ON":
            throw ValueFault("expected on or off, found \(quoted(text))", hint: "write on")
        case "no", "No", "n", "0", "disabled", "Off", "OFF":
            throw ValueFault("expected on or off, found \(quoted(text))", hint: "write off")
        default: break
        }
        guard !text.isEmpty, text.utf8.allSatisfy(isTokenByte) else {
            throw ValueFault("\(quoted(text)) is not the name of a protocol", hint: "write on for WebSocket")
        }
        return text.lowercased()
    }
}

/// The hosts that a route matches: in lower case, without a port or a dot at the end, IPv6 addresses in brackets.
package enum HostPattern: Sendable, Hashable {
    case any
    case exact(String)
    /// `*.example.com` is `.suffix(".example.com")`: any number of labels before it, at least one.
    case suffix(String)
}

extension HostPattern: CustomStringConvertible {
    /// Reads `api.example.com`, `*.example.com`, `127.0.0.1` and `[::1]`.
    package init(parsing text: String) throws(ValueFault) {
        if text == "*" {
            throw ValueFault("the host \(quoted(text)) matches any host", hint: "remove `host`")
        }
        let isSuffix = text.hasPrefix("*.")
        let name = isSuffix ? text.dropFirst(2) : text[...]
        guard !name.contains("*") else {
            throw ValueFault(
                "the host \(quoted(text)) has a misplaced *",
                hint: "only the whole first label can be *, as in *.example.com")
        }
        guard !name.contains("/") else {
            let authority = name.contains("://") ? name.split(separator: "/").dropFirst().first : nil
            let host = authority.flatMap { splitHostAndPort($0)?.host }
            throw ValueFault(
                "expected a host, found the URL \(quoted(text))", hint: "write \(host ?? "api.example.com")")
        }
        guard let (host, port) = splitHostAndPort(name) else {
            throw ValueFault("the host \(quoted(text)) is not a host name")
        }
        guard port == nil else {
            throw ValueFault(
                "the host \(quoted(text)) has a port",
                hint: "hosts are matched without their port: write \(isSuffix ? "*." : "")\(bracketed(host))")
        }
        let checked = bracketed(try checkedHost(host.hasSuffix(".") ? String(host.dropLast()) : host))
        self = isSuffix ? .suffix(".\(checked)") : .exact(checked)
    }

    /// Empty for `.any`.
    package var description: String {
        switch self {
        case .any: ""
        case .exact(let host): host
        case .suffix(let suffix): "*\(suffix)"
        }
    }
}
