// `/cache?key=KEYTEXT`: one entry of the cache, by its key text. What is put here is stored as if an origin had sent it, so
// that a request with that key text is answered with it.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Proxy
import Routing

extension AdminListener {
    func getEntry(_ request: AdminRequest, _ reply: @escaping (AdminAnswer) -> Void) {
        guard let (key, text) = Self.key(of: request, reply) else { return }
        run(.find(key, keyText: text)) { [server] result in
            guard case .found(let stored) = result else { return reply(Self.answer(to: result)) }
            reply(Self.answer(stored, now: Instant(milliseconds: server.loop.wallMilliseconds)))
        }
    }

    func putEntry(_ request: AdminRequest, _ reply: @escaping (AdminAnswer) -> Void) {
        guard let (key, text) = Self.key(of: request, reply) else { return }
        let milliseconds = server.loop.wallMilliseconds
        switch Self.record(keyText: text, request, wallMilliseconds: milliseconds) {
        case .failure(let refusal): reply(refusal.answer)
        case .success(let (record, lifetime)):
            run(.keep(key, record)) { result in
                guard case .kept(let isConfirmed) = result else { return reply(Self.answer(to: result)) }
                reply(
                    .json(isConfirmed ? 200 : 202) {
                        $0.member("stored", 1)
                        $0.member("lifetime", lifetime.count)
                    })
            }
        }
    }

    func deleteEntry(_ request: AdminRequest, _ reply: @escaping (AdminAnswer) -> Void) {
        guard let (key, _) = Self.key(of: request, reply) else { return }
        run(.remove([key])) { result in
            guard case .removed(let count) = result else { return reply(Self.answer(to: result)) }
            reply(.json(200) { $0.member("deleted", count) })
        }
    }

    /// Nil once a refusal is sent.
    private static func key(
        of request: AdminRequest, _ reply: (AdminAnswer) -> Void
    ) -> (key: CacheKey, text: [UInt8])? {
        guard let text = request.parameter("key"), !text.isEmpty else {
            reply(.problem(400, "no-key", "the query has to be key= and the key text, percent-encoded"))
            return nil
        }
        let digest = MD5Hasher.digest(of: text.span)
        return (CacheKey(high: digest.high, low: digest.low), text)
    }

    /// What can be said of every result but the one that was hoped for.
    static func answer(to result: StoreCommandResult) -> AdminAnswer {
        switch result {
        case .nothing: .problem(404, "no-entry", "nothing is stored under this key text")
        case .tooLarge: .problem(413, "content-too-large", "the entry alone is larger than the memory store")
        case .failed(let trouble):
            .problem(503, "store-unavailable", "the store can't do it now: \(trouble.sentence)")
        case .noStore: .problem(409, "no-store", "nothing is stored here: store.backend is none")
        case .found, .kept, .removed: .problem(500, "unexpected", "the store answered another question")
        }
    }

    // MARK: Reading

    private static func answer(_ stored: StoredResponse, now: Instant) -> AdminAnswer {
        guard stored.kind == .response else {
            let names = stored.varyNames.text()
            return .problem(
                409, "varies", "responses for this key text vary by \(names); each variant has a key of its own")
        }
        var answer = AdminAnswer(200, content: stored.body.copied())
        StoredHead.forEachLine(of: stored.head) { name, line in
            if isShown(FieldName.recognise(name)) { answer.fields.append(line) }
        }
        let age = stored.facts.currentAge(at: now)
        answer.add("Age", "\(max(0, age.count))")
        answer.add("Larder-TTL", "\((stored.facts.lifetime - age).count)")
        answer.add("Larder-Status", "\(stored.status)")
        // Whatever an origin sent must not act as a page of this listener's.
        answer.add("Content-Security-Policy", "sandbox; default-src 'none'")
        return answer
    }

    private static func isShown(_ name: FieldName) -> Bool {
        switch name {
        case .contentType, .contentEncoding, .contentLanguage, .etag, .lastModified, .location: true
        default: false
        }
    }

    // MARK: Writing

    /// What can't be stored, and the answer that says so.
    struct Refusal: Error {
        let answer: AdminAnswer
    }

    /// Used where the request names no lifetime.
    private static let usualLifetime: Seconds = 600

    /// A response with status 200 that arrived just now. The rules of RFC 9111 §3 hold for it too.
    private static func record(
        keyText: [UInt8], _ request: AdminRequest, wallMilliseconds: Int64
    ) -> Result<(StoredResponse, Seconds), Refusal> {
        let now = Instant(milliseconds: wallMilliseconds)
        let given = request.cacheControl ?? Array("max-age=\(usualLifetime.count)".utf8)
        var facts = ResponseFacts(status: Status(200), responseTime: now)
        facts.note(.cacheControl, given.span)
        var policy = RoutePolicy()
        policy.timeout = usualLifetime
        let asked = RequestFacts(method: .get)
        let verdict = storageVerdict(request: asked, response: facts, policy: policy, requestTime: now)
        guard case .store(let storedFacts, let life) = verdict else {
            guard case .refuse(let reason) = verdict else { preconditionFailure("a verdict is one of the two") }
            return .failure(Refusal(answer: .problem(422, "not-storable", "\(reason.sentence)")))
        }
        var head = ByteBuffer(minimumCapacity: 256)
        head.append("HTTP/1.1 200 OK\r\n")
        let type = request.contentType ?? Array("application/octet-stream".utf8)
        Forwarding.appendField("Content-Type", type.span, to: &head)
        Forwarding.appendField("Cache-Control", given.span, to: &head)
        head.append("Date: ")
        HTTPDate.append(now.secondsSinceEpoch, to: &head)
        head.append("\r\nVia: 1.1 larder\r\n")
        Forwarding.appendField("Content-Length", decimal: UInt64(request.content.count), to: &head)
        let end = WallTime(milliseconds: wallMilliseconds).advanced(byMilliseconds: life.count * 1000)
        let description = RecordDescription(
            id: .random(in: .min ... .max), status: 200, discardAt: end, facts: storedFacts)
        let record = StoredResponse.response(
            description, keyText: keyText.span, varyNames: Span(), head: head.span, body: request.content.span)
        guard let record else {
            return .failure(Refusal(answer: .problem(503, "out-of-memory", "there is no memory for the entry")))
        }
        return .success((record, storedFacts.lifetime))
    }
}
