// What stands at which path of the admin listener, and which methods it takes: the table of the interface, in its order.

import HTTPSemantics
import HTTPWire
import Proxy

struct AdminRoute: Sendable {
    typealias Handler = @Sendable (AdminListener, AdminRequest, @escaping (AdminAnswer) -> Void) -> Void

    let path: String
    private let handlers: [(Method, Handler)]

    static let all: [AdminRoute] = [
        AdminRoute("/healthz", (.get, { _, _, reply in reply(.text(200, "ok")) })),
        AdminRoute("/readyz", (.get, { listener, _, reply in listener.answerReadiness(reply) })),
        AdminRoute("/metrics", (.get, { listener, _, reply in listener.answerMetrics(reply) })),
        AdminRoute(
            "/stats",
            (
                .get,
                { listener, _, reply in listener.figures { figures in reply(.json(200) { figures.write(to: &$0) }) } }
            )),
        AdminRoute("/", (.get, { _, _, reply in reply(StatusPage.answer) })),
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
                    reply(AdminAnswer(type: "application/yaml; charset=utf-8", listener.effectiveConfiguration()))
                }
            )),
        AdminRoute("/reload", (.post, { listener, _, reply in listener.answerReload(reply) })),
    ]

    /// Answered without a token and for every host: a prober has neither, and a line of health tells nothing.
    static func isOpen(_ path: String) -> Bool { path == "/healthz" || path == "/readyz" }

    private init(_ path: String, _ handlers: (Method, Handler)...) {
        self.path = path
        self.handlers = handlers
    }

    /// HEAD is answered as GET.
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
    func answerReadiness(_ reply: @escaping (AdminAnswer) -> Void) {
        if server.isDraining { return reply(.text(503, "draining")) }
        server.gather { report in
            reply(report.silentWorkers == 0 ? .text(200, "ready") : .text(503, "a worker does not answer"))
        }
    }

    func answerMetrics(_ reply: @escaping (AdminAnswer) -> Void) {
        figures { reply(AdminAnswer(type: "text/plain; version=0.0.4; charset=utf-8", MetricFamily.text($0))) }
    }

    func answerReload(_ reply: (AdminAnswer) -> Void) {
        switch reload() {
        case .reloaded: reply(.json(200) { $0.member("reloaded", true) })
        case .refused(let faults):
            let detail = "the configuration has faults, and nothing was changed"
            reply(
                .problem(422, "faulty-configuration", detail) {
                    $0.array("faults") { for fault in faults { $0.value(fault) } }
                })
        }
    }
}
