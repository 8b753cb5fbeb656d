// The paths of the admin listener with their methods, in the order of the documentation.

import Glibc
import HTTPSemantics
import HTTPWire
import Proxy

struct AdminRoute: Sendable {
    typealias Handler = @Sendable (AdminListener, AdminRequest, @escaping (AdminResponse) -> Void) -> Void

    let path: String
    private let handlers: [(Method, Handler)]

    static let all: [AdminRoute] = [
        AdminRoute("/healthz", (.get, { _, _, reply in reply(.text(200, "ok")) })),
        AdminRoute("/readyz", (.get, { listener, _, reply in listener.getReadiness(reply) })),
        AdminRoute("/metrics", (.get, { listener, _, reply in listener.getMetrics(reply) })),
        AdminRoute(
            "/stats",
            (
                .get,
                { listener, _, reply in listener.figures { figures in reply(.json(200) { figures.write(to: &$0) }) } }
            )),
        AdminRoute("/", (.get, { _, _, reply in reply(StatusPage.response) })),
        AdminRoute("/explain", (.get, { $0.explain($1, $2) }), (.post, { $0.explain($1, $2) })),
        AdminRoute(
            "/cache", (.get, { $0.getEntry($1, $2) }), (.put, { $0.putEntry($1, $2) }),
            (.delete, { $0.deleteEntry($1, $2) })),
        AdminRoute("/purge", (.post, { $0.purge($1, $2) })),
        AdminRoute(
            "/config",
            (
                .get,
                { listener, _, reply in
                    reply(AdminResponse(type: "application/yaml; charset=utf-8", listener.effectiveConfiguration()))
                }
            )),
        AdminRoute("/reload", (.post, { listener, _, reply in listener.postReload(reply) })),
    ]

    /// Allowed without a token and for every host: probes have neither, and the response reveals nothing.
    static func isOpen(_ path: String) -> Bool { path == "/healthz" || path == "/readyz" }

    private init(_ path: String, _ handlers: (Method, Handler)...) {
        self.path = path
        self.handlers = handlers
    }

    /// HEAD is handled as GET.
    func handler(for method: Method) -> Handler? {
        let wanted: Method = method == .head ? .get : method
        return handlers.first { $0.0 == wanted }?.1
    }

    /// The value of `Allow`.
    var allow: String {
        handlers.map { $0.0 == .get ? "GET, HEAD" : "\($0.0.text)" }.joined(separator: ", ")
    }
}

extension AdminListener {
    func getReadiness(_ reply: @escaping (AdminResponse) -> Void) {
        if server.isDraining { return reply(.text(503, "draining")) }
        server.gather { report in
            reply(report.silentWorkers == 0 ? .text(200, "ready") : .text(503, "a worker does not respond"))
        }
    }

    func getMetrics(_ reply: @escaping (AdminResponse) -> Void) {
        figures { reply(AdminResponse(type: "text/plain; version=0.0.4; charset=utf-8", MetricFamily.text($0))) }
    }

    func postReload(_ reply: (AdminResponse) -> Void) {
        switch reload() {
        case .reloaded:
            reply(
                .json(200) {
                    $0.member("reloaded", true)
                    $0.member("pid", Int(getpid()))
                })
        case .nothingToReload:
            reply(
                .json(200) {
                    $0.member("reloaded", false)
                    $0.member("pid", Int(getpid()))
                    $0.member("detail", "nothing to reload: Larder was started without a configuration file")
                })
        case .refused(let faults):
            let detail = "the configuration is invalid; nothing was changed"
            reply(
                .problem(422, "faulty-configuration", detail) {
                    $0.member("pid", Int(getpid()))
                    $0.array("faults") { for fault in faults { $0.value(fault) } }
                })
        }
    }
}
