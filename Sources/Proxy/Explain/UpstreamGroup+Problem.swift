// What is wrong with the upstream that a request would go to, for somebody who looks for a fault.

import EventLoop
import Origins

extension UpstreamGroup {
    private static let most = 8

    /// Which servers aren't up, and why; nil if all are.
    func problem(now: MonotonicTime) -> String? {
        let impaired = servers.filter { $0.health(now: now) != .up }
        guard !impaired.isEmpty else { return nil }
        let up = servers.count - impaired.count
        let state = up == 0 ? "down" : "\(up) of \(servers.count) servers are up"
        var places = impaired.prefix(Self.most).map { server in
            guard let trouble = server.trouble else { return "\(server.address): its name cannot be resolved" }
            return "\(server.address): \(trouble.reason), \(trouble.tally(now: now))"
        }
        if impaired.count > Self.most { places.append("and \(impaired.count - Self.most) more") }
        return "\(settings.name) is \(up == 0 ? state : "impaired, \(state)"): \(places.joined(separator: "; "))"
    }
}
