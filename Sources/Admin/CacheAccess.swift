// `/cache?key=KEYTEXT`: read, write or delete one cache entry by its key text. What is written here is stored as if an origin
// had sent it, so that requests with that key text get it.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Proxy
import Routing

extension AdminListener {
    func getEntry(_ request: AdminRequest, _ reply: @escaping (AdminResponse) -> Void) {
        guard let (key, text) = Self.key(of: request, reply) else { return }
        guard let form = form(of: request, reply) else { return }
        run(.find(key, keyText: text, form)) { [server] result in
            guard case .found(let stored) = result else { return reply(Self.failure(result)) }
            reply(Self.response(stored, now: Instant(milliseconds: server.loop.clockMilliseconds)))
        }
    }

    func putEntry(_ request: AdminRequest, _ reply: @escaping (AdminResponse) -> Void) {
        guard let (key, text) = Self.key(of: request, reply) else { return }
        guard let form = form(of: request, reply) else { return }
        switch Self.record(
            keyText: text, as: form, request, now: server.loop.clockMilliseconds, date: server.loop.wallMilliseconds,
            fence: server.shared.stores.purges.applied)
        {
        case .failure(let refusal): reply(refusal.response)
        case .success(let (record, lifetime)):
            run(.keep(key, record)) { result in
                guard case .kept(let isConfirmed) = result else { return reply(Self.failure(result)) }
                reply(
                    .json(isConfirmed ? 200 : 202) {
                        $0.member("stored", 1)
                        $0.member("lifetime", lifetime.count)
                    })
            }
        }
    }

    func deleteEntry(_ request: AdminRequest, _ reply: @escaping (AdminResponse) -> Void) {
        guard let (key, _) = Self.key(of: request, reply) else { return }
        run(.remove([key])) { result in
            guard case .removed(let count) = result else { return reply(Self.failure(result)) }
            reply(.json(200) { $0.member("deleted", count) })
        }
    }

    /// Nil if an error has been sent.
    private static func key(
        of request: AdminRequest, _ reply: (AdminResponse) -> Void
    ) -> (key: CacheKey, text: [UInt8])? {
        guard let text = request.parameter("key"), !text.isEmpty else {
            reply(.problem(400, "no-key", "the query parameter key= is missing: the key text, percent-encoded"))
            return nil
        }
        let digest = MD5Hasher.digest(of: text.span)
        return (CacheKey(digest), text)
    }

    /// How the entry is stored: as `record=` says, else as all routes that cache store theirs. Nil if an error has been sent.
    private func form(of request: AdminRequest, _ reply: (AdminResponse) -> Void) -> RecordForm? {
        let configuration = server.configuration
        let caches = configuration.routes.compactMap(\.cache)
        let shared = caches.filter { $0.record == .json }
        let isJSON: Bool
        switch request.parameter("record").map({ String(decoding: $0, as: UTF8.self) }) {
        case nil: isJSON = !shared.isEmpty && shared.count == caches.count
        case "json": isJSON = true
        case "whole": isJSON = false
        default:
            reply(.problem(400, "bad-record", "the query parameter record= is json or whole"))
            return nil
        }
        // In memory there are whole records only.
        guard isJSON, configuration.store.usesRedis else { return .whole }
        return .json(longest: shared.compactMap { $0.timeout?.rawValue }.max() ?? 0)
    }

    /// The response to every result other than the expected one.
    static func failure(_ result: StoreCommandResult) -> AdminResponse {
        switch result {
        case .nothing: .problem(404, "no-entry", "nothing is stored under this key")
        case .tooLarge: .problem(413, "content-too-large", "the entry is larger than the memory store")
        case .failed(let trouble):
            .problem(503, "store-unavailable", "the store is unavailable: \(trouble.sentence)")
        case .noStore: .problem(409, "no-store", "there is no store: store.backend is none")
        case .found, .kept, .removed: .problem(500, "unexpected", "unexpected result of the store")
        }
    }

    // MARK: Reading

    private static func response(_ stored: StoredResponse, now: Instant) -> AdminResponse {
        guard stored.isResponse else {
            let names = stored.varyNames.text().split(separator: "\n").joined(separator: " or ")
            return .problem(
                409, "varies", "responses under this key vary by \(names); each variant has its own key")
        }
        var response = AdminResponse(200, content: stored.body.copied())
        StoredHead.forEachLine(of: stored.head) { name, line in
            if isShown(FieldName.recognise(name)) { response.fields.append(line) }
        }
        let age = stored.facts.currentAge(at: now)
        response.add("Age", "\(max(0, age.count))")
        response.add("Larder-TTL", "\((stored.facts.lifetime - age).count)")
        response.add("Larder-Status", "\(stored.status)")
        // Stored content must not run as a page of the admin listener.
        response.add("Content-Security-Policy", "sandbox; default-src 'none'")
        return response
    }

    private static func isShown(_ name: FieldName) -> Bool {
        switch name {
        case .contentType, .contentEncoding, .contentLanguage, .etag, .lastModified, .location: true
        default: false
        }
    }

    // MARK: Writing

    /// The response to an entry that can't be stored.
    struct Refusal: Error {
        let response: AdminResponse

        static var outOfMemory: Refusal {
            Refusal(response: .problem(503, "out-of-memory", "not enough memory for the entry"))
        }

        static func notStorable(_ reason: Reason) -> Refusal {
            Refusal(response: .problem(422, "not-storable", "\(reason.sentence)"))
        }
    }

    /// Used if the request has no Cache-Control.
    private static let defaultLifetime: Seconds = 600

    /// A response with status 200 that arrived just now. The rules of RFC 9111 §3 apply to it too.
    private static func record(
        keyText: [UInt8], as form: RecordForm, _ request: AdminRequest, now milliseconds: Int64, date: Int64,
        fence: PurgePosition
    ) -> Result<(StoredResponse, Seconds), Refusal> {
        let now = Instant(milliseconds: milliseconds)
        let date = Instant(milliseconds: date)
        let given = request.cacheControl ?? Array("max-age=\(defaultLifetime.count)".utf8)
        var facts = ResponseFacts(status: Status(200), responseTime: now, arrivalDate: date)
        facts.note(.cacheControl, given.span)
        var policy = RoutePolicy()
        policy.timeout = defaultLifetime
        let asked = RequestFacts(method: .get)
        let verdict = storageVerdict(request: asked, response: facts, policy: policy, requestTime: now)
        let (storedFacts, life): (StoredFacts, Seconds)
        switch verdict {
        case .store(let facts, let span): (storedFacts, life) = (facts, span)
        case .refuse(let reason): return .failure(.notStorable(reason))
        }
        if form.isJSON { return jsonRecord(keyText: keyText, request, storedFacts, now: now) }
        var head = ByteBuffer(minimumCapacity: 256)
        head.append("HTTP/1.1 200 OK\r\n")
        let type = request.contentType ?? Array("application/octet-stream".utf8)
        Forwarding.appendField("Content-Type", type.span, to: &head)
        Forwarding.appendField("Cache-Control", given.span, to: &head)
        head.append("Date: ")
        HTTPDate.append(date.secondsSinceEpoch, to: &head)
        head.append("\r\nVia: 1.1 larder\r\n")
        Forwarding.appendField("Content-Length", decimal: UInt64(request.content.count), to: &head)
        let end = WallTime(milliseconds: milliseconds).advanced(byMilliseconds: life.count * 1000)
        let description = RecordDescription(
            id: .random(in: .min ... .max), status: 200, discardAt: end, facts: storedFacts,
            fence: fence)
        let record = StoredResponse.response(
            description, keyText: keyText.span, varyNames: Span(), head: head.span, body: request.content.span)
        return record.map { .success(($0, storedFacts.lifetime)) } ?? .failure(.outOfMemory)
    }

    /// As above, of an entry that applications read too.
    private static func jsonRecord(
        keyText: [UInt8], _ request: AdminRequest, _ facts: StoredFacts, now: Instant
    ) -> Result<(StoredResponse, Seconds), Refusal> {
        var check = JSONStorageCheck(status: facts.status, forbidsTransformation: false)
        let type = request.contentType ?? []
        check.note(.contentType, Span(), type.span, isReplaced: false) { _ in false }
        var refusal = check.refusal
        if request.content.count > JSONEntry.limit {
            refusal = .tooLarge
        } else if refusal == nil, !JSONEntry.mayBeJSON(request.content.span) {
            refusal = .jsonContent
        }
        if let refusal { return .failure(.notStorable(refusal)) }
        switch jsonStorageVerdict(facts, longest: StoredFacts.greatestLifetime, reads: true) {
        case .refuse(let reason): return .failure(.notStorable(reason))
        case .store(let stored, let life):
            let record = JSONEntry.response(
                id: .random(in: .min ... .max), stored, keyText: keyText.span, content: request.content.span,
                discardAt: WallTime(milliseconds: now.milliseconds).advanced(byMilliseconds: life.milliseconds),
                budget: nil)
            return record.map { .success(($0, life)) } ?? .failure(.outOfMemory)
        }
    }
}
