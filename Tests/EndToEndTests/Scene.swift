import Foundation
import TestSupport
import Testing

// What most suites play on: a scripted origin, a daemon before it, and the few sentences they say about responses.

/// An origin and a daemon that a suite's tests share; each test scripts a path of its own.
final class Scene: Sendable {
    let stage: Stage
    let origin: ScriptedOrigin
    let larder: LarderProcess

    /// - Parameter configuration: made from the origin's address.
    init(stage: Stage = .shared(), _ configuration: (String) -> LarderConfiguration = { .caching($0) }) throws {
        self.stage = stage
        origin = try stage.origin()
        larder = try stage.larder(configuration(origin.url))
    }
}

/// True under a sanitizer, whose builds are slow and large: figures of time and memory mean nothing then.
let isSanitized = ProcessInfo.processInfo.environment["LARDER_SANITIZER"] != nil

extension Stage {
    /// An origin that answers everything at once, to be stored for ten minutes.
    func quickOrigin() throws -> ScriptedOrigin {
        try origin { try $0.respond(200, ["Cache-Control: max-age=600"], body: "answer to \($0.request.target)") }
    }
}

/// Bytes of an argument table, shown with their control characters escaped.
struct Quoted: ExpressibleByStringLiteral, Sendable, CustomTestStringConvertible {
    let text: String
    init(_ text: String) { self.text = text }
    init(stringLiteral text: String) { self.text = text }
    var testDescription: String { text.debugDescription }
}

extension Response {
    /// The value of `X-Cache`.
    var xCache: String? { self["X-Cache"] }
}

extension LarderProcess {
    /// Asks until the answer is a HIT: storing may end a moment after the client has its last byte.
    @discardableResult
    func awaitHit(_ target: String, _ fields: [String] = [], within seconds: Double = 5) throws -> Response {
        var last: Response?
        let isHit = try eventually(within: seconds) {
            last = try get(target, fields)
            return last?.xCache == "HIT"
        }
        guard isHit, let last else { throw HarnessError("\(target) never became a HIT; last: \(last?.raw.text ?? "")") }
        return last
    }

    /// The body of `larder key`'s Redis key: the last word of its output that has 32 hex digits at its end.
    func redisKey(_ method: String, _ url: String, _ arguments: [String] = []) throws -> String {
        let finished = try command(["key", method, url] + arguments)
        let words = finished.output.split(whereSeparator: { " \n\t\"".contains($0) }).map(String.init)
        guard let key = words.last(where: { $0.suffix(32).count == 32 && $0.suffix(32).allSatisfy(\.isHexDigit) })
        else {
            throw HarnessError("no Redis key in: \(finished.output)\(finished.errors)")
        }
        return key
    }
}
