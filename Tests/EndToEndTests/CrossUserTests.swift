import Foundation
import TestSupport
import Testing

// What is one user's reaches no other: every kind of answer that is not for all (`Secret`), by every way in which the
// answer to one request could come to another. No client may ever see another's mark.

@Suite("RFC 9111 §3, §7: what is one user's never reaches another")
struct CrossUserTests {
    let scene: ProtectionScene
    var origin: ScriptedOrigin { scene.origin }
    private let users = (1...5).map { User(number: $0) }

    init() throws { scene = try ProtectionScene.shared.get() }

    /// The response is whole, of this status, and shows nobody else's mark.
    private func expectOwn(
        _ response: Response?, _ user: User?, _ secret: Secret, status: Set<Int>? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) {
        guard let response else {
            Issue.record("\(secret), \(user?.mark ?? "nobody"): no answer", sourceLocation: location)
            return
        }
        #expect((status ?? [secret.status]).contains(response.status), "\(response.summary)", sourceLocation: location)
        #expect(response.isComplete, "\(response.summary)", sourceLocation: location)
        let others = User.marks(in: response.raw.text).subtracting([user?.mark ?? ""])
        #expect(others.isEmpty, "\(secret), \(user?.mark ?? "nobody"): \(response.summary)", sourceLocation: location)
    }

    /// Where the ways are tried: plain routes with every secret, forced ones with what force mode leaves alone.
    struct Place: Sendable, CustomTestStringConvertible {
        let backend: Backend
        let prefix: String
        let secret: Secret
        var testDescription: String { "\(backend), \(prefix), \(secret)" }

        static let all = ProtectionScene.backends.flatMap { backend in
            Secret.allCases.map { Place(backend: backend, prefix: "/t", secret: $0) }
                + Secret.forced.map { Place(backend: backend, prefix: "/forced/t", secret: $0) }
        }
        static let background = ProtectionScene.backends.flatMap { backend in
            ["/swr/t", "/sie/t"].flatMap { prefix in
                Secret.allCases.map { Place(backend: backend, prefix: prefix, secret: $0) }
            }
                + [.setCookie, .isPrivate, .noStore, .authorization].map {
                    Place(backend: backend, prefix: "/soon/t", secret: $0)
                }
                + Secret.forced.map { Place(backend: backend, prefix: "/forcedstale/t", secret: $0) }
        }
    }

    @Test("One after another, with GET, HEAD and ranges", .tags(.must), arguments: Place.all)
    func sequence(_ place: Place) throws {
        let (larder, secret) = (scene[place.backend], place.secret)
        for (method, fields) in [
            ("GET", []), ("HEAD", []), ("GET", ["Range: bytes=0-99"]), ("GET", ["Range: bytes=100-199"]),
        ] {
            let path = origin.script(place.prefix) { try $0.answer(secret) }
            // One way in, then every way out.
            expectOwn(
                try larder.request(method, path, fields + secret.credentials(users[0])), users[0], secret,
                status: [secret.status, 206])
            for user in users[1...2] {
                let own = secret.credentials(user)
                let others: [(method: String, fields: [String])] = [
                    ("GET", []), ("HEAD", []), ("GET", ["Range: bytes=50-150"]),
                ]
                for other in others {
                    expectOwn(
                        try larder.request(other.method, path, other.fields + own), user, secret,
                        status: [secret.status, 206])
                }
            }
            // Somebody without credentials.
            expectOwn(try larder.get(path), nil, secret)
        }
    }

    @Test("Together: those who wait for the head of another's answer", .tags(.must), arguments: Place.all)
    func waitersForHead(_ place: Place) throws {
        let (larder, secret) = (scene[place.backend], place.secret)
        for method in ["GET", "HEAD"] {
            let gate = Switch()
            let path = origin.script(place.prefix) { exchange in
                gate.awaitOn()
                try exchange.answer(secret)
            }
            let leader = try Asking(larder, path, secret.credentials(users[0]), method: method)
            #expect(eventually { origin.count(for: path) == 1 })
            let waiters = try larder.ask(path, each: users.map { secret.credentials($0) })
            let anonymous = try Asking(larder, path)
            let part = try Asking(larder, path, ["Range: bytes=10-20"] + secret.credentials(users[2]))
            try larder.awaitReading(waiters + [anonymous, part])
            gate.turnOn()
            expectOwn(try leader.response(), users[0], secret)
            for (user, waiter) in zip(users, waiters) { expectOwn(try waiter.response(), user, secret) }
            expectOwn(try anonymous.response(), nil, secret)
            expectOwn(try part.response(), users[2], secret, status: [secret.status, 206])
            for user in users { expectOwn(try larder.get(path, secret.credentials(user)), user, secret) }
        }
    }

    @Test("Together: those who come in the middle of another's body", .tags(.must), arguments: Place.all)
    func waitersInBody(_ place: Place) throws {
        let (larder, secret) = (scene[place.backend], place.secret)
        for framing in Framing.allCases where secret.status == 200 {
            let gate = Switch()
            let path = origin.script(place.prefix) { exchange in
                let content = Array(secret.content(exchange.mark).utf8)
                try exchange.send(framing.head(secret.fields(exchange.mark), count: content.count))
                try exchange.send(framing.piece(content[..<50]))
                gate.awaitOn()
                try exchange.send(framing.piece(content[50...]) + Array(framing.end.utf8))
            }
            let leader = try larder.client()
            defer { leader.close() }
            try leader.send(RawClient.request("GET", path, secret.credentials(users[0])))
            #expect(leader.socket.isReadable(within: 5))
            let waiters = try larder.ask(path, each: users.map { secret.credentials($0) })
            let anonymous = try Asking(larder, path)
            try larder.awaitReading(waiters + [anonymous])
            gate.turnOn()
            expectOwn(try leader.readResponse(), users[0], secret)
            for (user, waiter) in zip(users, waiters) { expectOwn(try waiter.response(), user, secret) }
            expectOwn(try anonymous.response(), nil, secret)
        }
    }

    @Test(
        "Stale serving and refreshes in the background, begun by one user, after something for all was stored",
        .tags(.must),
        arguments: Place.background)
    func background(_ place: Place) throws {
        let (larder, secret) = (scene[place.backend], place.secret)
        let isEarly = place.prefix == "/soon/t"
        // `public`, so that users with credentials are answered with it; past its life when it comes, or renewed within it.
        let first = [
            "Cache-Control: public, max-age=\(isEarly ? 3 : 1)", "Age: \(isEarly ? 0 : 1)", "ETag: \"common\"",
        ]
        let path = origin.script(place.prefix) { [origin] exchange in
            if origin.count(for: exchange.request.path) > 1 { return try exchange.answer(secret) }
            try exchange.respond(200, first, body: "common")
        }
        try larder.keep(path)
        // One user sets the refresh off, sooner or later where it is an early one.
        let begun = eventually(within: 4, every: 0.001) {
            let response = Result { try larder.get(path, secret.credentials(users[0])) }
            expectOwn(try? response.get(), users[0], secret, status: [200, secret.status])
            return origin.count(for: path) > 1
        }
        #expect(begun)
        for _ in 0..<2 {
            for user in users[1...3] {
                let response = try larder.get(path, secret.credentials(user))
                expectOwn(response, user, secret, status: [200, secret.status])
            }
            expectOwn(try larder.get(path), nil, secret, status: [200, secret.status])
        }
    }

    @Test(
        "A 304 for one user renews what is stored for all without what is that user's", .tags(.must),
        arguments: ProtectionScene.backends)
    func renewal(_ backend: Backend) throws {
        let larder = scene[backend]
        for (prefix, credentials) in [
            ("/t", "Cookie: id="), ("/t", "Authorization: Bearer "), ("/swr/t", "Cookie: id="),
        ] {
            for isTogether in [false, true] {
                let gate = Switch()
                let path = origin.script(prefix) { [origin] exchange in
                    if origin.count(for: exchange.request.path) == 1 {
                        return try exchange.respond(
                            200, ["Cache-Control: public, max-age=1", "Age: 1", "ETag: \"common\""], body: "common")
                    }
                    if isTogether { gate.awaitOn() }
                    let fields = [
                        "ETag: \"common\"", "Set-Cookie: id=\(exchange.mark)", "X-Secret: \(exchange.mark)",
                        "Cache-Control: public, max-age=60, private=\"X-Secret\"",
                    ]
                    let isConditional = exchange.request["If-None-Match"] != nil
                    try exchange.respond(isConditional ? 304 : 200, fields, body: "common")
                }
                try larder.keep(path)
                var all: [(User?, Asking)] = []
                for user in users {
                    all.append((user, try Asking(larder, path, ["\(credentials)\(user.mark)"])))
                    if isTogether { continue }
                    expectOwn(try all.last!.1.response(), user, .setCookie)
                }
                all.append((nil, try Asking(larder, path)))
                if isTogether {
                    try larder.awaitReading(all.map(\.1))
                    gate.turnOn()
                }
                for (user, asking) in all { expectOwn(try asking.response(), user, .setCookie) }
                for user in users {
                    expectOwn(try larder.get(path, ["\(credentials)\(user.mark)"]), user, .setCookie)
                }
                expectOwn(try larder.get(path), nil, .setCookie)
            }
        }
    }

    @Test("RFC 9110 §9.3.3: the answer to one user's POST, by its Content-Location", .tags(.must), arguments: Place.all)
    func contentLocation(_ place: Place) throws {
        let (larder, secret) = (scene[place.backend], place.secret)
        guard place.prefix == "/t" else { return }
        let gate = Switch()
        let path = origin.script("/content/t") { exchange in
            try exchange.readBody()
            guard exchange.request.method == "POST" else { return try exchange.answer(secret) }
            gate.awaitOn()
            try exchange.respond(
                secret.status, secret.fields(exchange.mark) + ["Content-Location: \(exchange.request.path)"],
                body: secret.content(exchange.mark))
        }
        // The same content from several users, together.
        let posts = try users.map { user in
            let client = try larder.client()
            try client.send(RawClient.request("POST", path, secret.credentials(user), body: Array("same".utf8)))
            return client
        }
        let getting = try Asking(larder, path, secret.credentials(users[1]))
        try larder.awaitReading(posts.map { $0.socket.localPort })
        gate.turnOn()
        for (user, client) in zip(users, posts) {
            expectOwn(try client.readResponse(), user, secret)
            client.close()
        }
        expectOwn(try getting.response(), users[1], secret)
        for user in users { expectOwn(try larder.get(path, secret.credentials(user)), user, secret) }
        expectOwn(try larder.get(path), nil, secret)
    }

    @Test(
        "What its origin says is for all is given to all, with credentials too", .tags(.choice),
        arguments: ProtectionScene.backends)
    func forAll(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        let path = origin.script { exchange in
            gate.awaitOn()
            try exchange.respond(200, ["Cache-Control: public, max-age=60"], body: "common")
        }
        let leader = try Asking(larder, path, Secret.authorization.credentials(users[0]))
        #expect(eventually { origin.count(for: path) == 1 })
        let waiters = try larder.ask(path, each: users.map { Secret.authorization.credentials($0) })
        try larder.awaitReading(waiters)
        gate.turnOn()
        #expect(try leader.response().text == "common")
        for waiter in waiters { #expect(try waiter.response().text == "common") }
        #expect(try larder.awaitHit(path).text == "common")
        #expect(try larder.get(path, Secret.authorization.credentials(users[3])).xCache == "HIT")
        // An authorised request can't know before the head that the answer will be for all, so it may go by itself.
        #expect(origin.count(for: path) <= 6)
    }
}
