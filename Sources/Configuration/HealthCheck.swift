// `upstreams.*.check`: the active health check of an upstream's servers.

import Bytes

/// How each address of each server is checked.
package struct HealthCheck: Sendable, Hashable {
    /// Starts with `/`.
    package var path: String
    /// The `Host` field; nil means the server's own authority.
    package var host: String?
    /// The statuses that mean success.
    package var statuses = 200...399
    package var interval = Milliseconds.seconds(5)
    /// How long one check may take; nil means as long as a request waits for its first byte, and at most the interval.
    package var timeout: Milliseconds?
    /// Successful checks in a row that bring an address back.
    package var rise = 1
    /// Failed checks in a row that take an address down.
    package var fall = 2

    package init(path: String) { self.path = path }

    /// `statuses` as it is written in the file.
    package var statusText: String {
        statuses.count == 1 ? "\(statuses.lowerBound)" : "\(statuses.lowerBound)-\(statuses.upperBound)"
    }

    package static func path(parsing text: String) throws(ValueFault) -> String {
        guard text.utf8.first == UInt8(ascii: "/"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
            !text.utf8.contains(UInt8(ascii: "#"))
        else {
            throw ValueFault("invalid health check path \(quoted(text))", hint: "write /healthz or off")
        }
        return text
    }

    /// A host, or a host and a port.
    package static func host(parsing text: String) throws(ValueFault) -> String {
        guard let (host, port) = splitHostAndPort(text) else {
            throw ValueFault("\(quoted(text)) is not a host name or an IP address")
        }
        let name = bracketed(try checkedHost(host))
        return try checkedPort(port).map { "\(name):\($0)" } ?? name
    }

    /// `200`, or `200-399`.
    package static func statuses(parsing text: String) throws(ValueFault) -> ClosedRange<Int> {
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map { wholeNumber($0) ?? 0 }
        guard bounds.count <= 2, let first = bounds.first, let last = bounds.last, 200 <= first, first <= last,
            last < 600
        else {
            throw ValueFault("\(quoted(text)) is not a range of statuses", hint: "write 200 or 200-399")
        }
        return Int(first)...Int(last)
    }
}
