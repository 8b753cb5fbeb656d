import Foundation
import TestSupport
import Testing

// What the suites about protecting the origin share: a daemon for each store, two workers each, before one scripted
// origin, with a route for every way of sharing a fetch and of serving stale. And the small things that such tests are
// made of: a request on its way, an answer held back, a body sent in pieces.

/// One daemon a store, all before the same origin.
final class ProtectionScene: Sendable {
    static let shared = Result { try ProtectionScene() }
    /// The stores under test; what is tiered shares the ways of both.
    static let backends: [Backend] = [.memory, .redis]

    let stage = Stage.shared()
    let origin: ScriptedOrigin
    private let daemons: [Backend: LarderProcess]

    private init() throws {
        let origin = try stage.origin()
        let redis = try stage.redis()
        self.origin = origin
        daemons = try stage.larders(Self.backends) { backend in
            Self.configuration(backend, origin: origin.url, redis: redis.url)
        }
    }

    subscript(_ backend: Backend) -> LarderProcess { daemons[backend]! }

    static func configuration(_ backend: Backend, origin: String, redis: String) -> LarderConfiguration {
        LarderConfiguration(
            upstreams: """
                origin: \(origin)
                hasty:
                  servers: \(origin)
                  first_byte_timeout: 700ms
                  between_bytes_timeout: 700ms
                  retries: 0
                """,
            routes: routes.map { path, upstream, cache in
                let lines = (["client_control: honour"] + cache).map { "\n    \($0)" }.joined()
                return "- path: \(path){rest...}\n  upstream: \(upstream)\n  cache:\(lines)"
            }.joined(separator: "\n"),
            store: "object: 16MiB\nmemory: 128MiB\nbackend: \(backend.rawValue)"
                + (backend == .memory ? "" : "\nredis: \(redis)\nprefix: \"\(backend.rawValue):\"\ntimeout: 20s"))
    }

    private static let routes: [(path: String, upstream: String, cache: [String])] = [
        ("/", "origin", ["methods: [GET, HEAD]"]),
        ("/short/", "origin", ["collapse: 500ms"]),
        ("/alone/", "origin", ["collapse: off"]),
        ("/attended/", "origin", ["background_fill: off"]),
        ("/hasty/", "hasty", ["methods: [GET, HEAD]"]),
        ("/swr/", "origin", ["stale_while_revalidate: 60s"]),
        ("/sie/", "origin", ["stale_if_error: 60s"]),
        ("/early/", "origin", ["early_refresh: 10%"]),
        ("/soon/", "origin", ["early_refresh: 100%"]),
        ("/forced/", "origin", ["timeout: 60s", "mode: force"]),
        ("/forcedstale/", "origin", ["timeout: 1s", "mode: force", "stale_while_revalidate: 60s"]),
        ("/content/", "origin", ["methods: [GET, HEAD, POST]"]),
        ("/statuses/", "origin", ["statuses: {404: 60s, 5xx: 60s}"]),
    ]
}

/// A request on its way: sent at once by whoever makes it, its answer read by a thread of its own.
final class Asking: @unchecked Sendable {
    private let client: RawClient
    /// Of the client's end.
    let port: UInt16
    private let began = Clock.now
    private let outcome = Locked<(result: Result<Response, any Error>, seconds: Double)?>(nil)

    /// - Parameter method: of a request without content.
    init(_ larder: LarderProcess, _ target: String, _ fields: [String] = [], method: String = "GET") throws {
        client = try larder.client(timeout: 15)
        port = client.socket.localPort
        try client.send(RawClient.request(method, target, fields))
        Thread.detachNewThread { [self] in
            let result = Result { try client.readResponse(to: method) }
            let seconds = Clock.now - began
            outcome.withLock { $0 = (result, seconds) }
            client.close()
        }
    }

    var isOver: Bool { outcome.withLock { $0 != nil } }

    /// What came, or why nothing did.
    func response(within bound: Double = 10) throws -> Response {
        guard eventually(within: bound, every: 0.002, { isOver }), let outcome = outcome.withLock({ $0 }) else {
            throw HarnessError("no answer within \(bound) s")
        }
        return try outcome.result.get()
    }

    /// How long the whole answer took; endless while it is on its way.
    var seconds: Double { outcome.withLock { $0?.seconds } ?? .infinity }
}

extension LarderProcess {
    /// Several requests at once, each with fields of its own.
    func ask(_ target: String, each fields: [[String]]) throws -> [Asking] {
        try fields.map { try Asking(self, target, $0) }
    }

    func ask(_ target: String, times count: Int, _ fields: [String] = []) throws -> [Asking] {
        try ask(target, each: Array(repeating: fields, count: count))
    }

    /// Waits until the daemon has read the requests that came from these ports, as the kernel's table of connections
    /// tells it, and has had a moment to look them up in its store, which no figure tells.
    func awaitReading(_ ports: [UInt16]) throws {
        let clients = Set(ports)
        let isRead = try eventually {
            let table = try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)
            return !table.split(separator: "\n").dropFirst().contains { line in
                let columns = line.split(separator: " ", maxSplits: 5)
                guard columns.count > 5, columns[3] == "01", !columns[4].hasSuffix(":00000000") else { return false }
                let ends = columns[1...2].map { UInt16($0.suffix(4), radix: 16) ?? 0 }
                return ends[0] == port && clients.contains(ends[1])
            }
        }
        guard isRead else { throw HarnessError("the daemon did not read its requests") }
        Thread.sleep(forTimeInterval: 0.02)
    }

    func awaitReading(_ requests: [Asking]) throws { try awaitReading(requests.map(\.port)) }

    /// Asks once, and waits until the answer stands in the store, fresh or stale: Redis has it a moment after the client.
    func keep(_ target: String) throws {
        let response = try get(target)
        let isKept = try eventually {
            try get(target, ["Cache-Control: only-if-cached, max-stale=100000"]).status == 200
        }
        guard response.xCache == "MISS", isKept else { throw HarnessError("not kept: \(response.summary)") }
    }
}

extension Switch {
    /// Waits until it is on; whoever waits in an origin's handler holds its answer back with it.
    @discardableResult
    func awaitOn(within seconds: Double = 10) -> Bool { eventually(within: seconds, every: 0.002) { isOn } }
}

/// How a response says where it ends.
enum Framing: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case length, chunked
    var testDescription: String { rawValue }

    func head(_ fields: [String], count: Int) -> String {
        let framing = self == .length ? "Content-Length: \(count)" : "Transfer-Encoding: chunked"
        return "HTTP/1.1 200 OK\r\n" + (fields + [framing]).joined(separator: "\r\n") + "\r\n\r\n"
    }

    func piece(_ bytes: some Collection<UInt8>) -> [UInt8] {
        self == .length ? Array(bytes) : Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + [13, 10]
    }

    var end: String { self == .length ? "" : "0\r\n\r\n" }
}

/// Bytes that differ from place to place, with a period that no buffer has.
func patterned(_ count: Int) -> [UInt8] {
    let block = (0..<65_521).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count { bytes += block.prefix(count - bytes.count) }
    return bytes
}

extension Response {
    /// Whether it came from a fetch that another request had begun.
    var isCollapsed: Bool {
        guard let status = self["Cache-Status"] else { return false }
        return status.contains("; collapsed") && !status.contains("collapsed=?0")
    }

    /// What to show when an expectation about it fails.
    var summary: String { "\(Array(raw.prefix(600)).text)\(isComplete ? "" : " … cut off")" }
}
