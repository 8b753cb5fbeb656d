import Foundation
import TestSupport
import Testing

@Suite("TLS to clients")
struct TLSListenerTests {
    private func play(
        tls: String = "", proxyProtocol: Bool = false,
        _ body: (TLSScene, LarderProcess, ScriptedOrigin) throws -> Void
    ) throws {
        let scene = try TLSScene.shared.get()
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let larder = try scene.larder(stage, origin, tls: tls) { $0.proxyProtocol = proxyProtocol }
            try body(scene, larder, origin)
        }
    }

    @Test("A request over TLS is served, from the cache the second time; the origin is told https")
    func serves() throws {
        try play { (scene, larder, origin) throws in
            for verdict in ["MISS", "HIT"] {
                let response = try scene.curl(larder, "-i", "--http1.1", scene.url(larder, "/one"))
                #expect(response.output.contains("X-Cache: \(verdict)") && response.output.contains("answer to /one"))
            }
            let request = try #require(origin.requests(for: "/one").first)
            #expect(request["X-Forwarded-Proto"] == "https")
            #expect(request["Forwarded"]?.contains("proto=https") == true)
            let key = try larder.command(["key", "GET", "https://a.test/one"]).output
            #expect(key.contains("GET https://a.test/one"))
        }
    }

    @Test(
        "RFC 8446 and RFC 5246 are spoken, and nothing before them; `min` leaves out TLS 1.2 as well",
        arguments: ["1.2", "1.3"])
    func versions(minimum: String) throws {
        try play(tls: ", min: \"\(minimum)\"") { (scene, larder, _) throws in
            #expect(try scene.openssl(larder, "-tls1_3").contains("New, TLSv1.3"))
            #expect(try scene.openssl(larder, "-tls1_2").contains("New, TLSv1.2") == (minimum == "1.2"))
            for old in ["-tls1", "-tls1_1"] {
                #expect(try scene.openssl(larder, old, "-cipher", "ALL:@SECLEVEL=0").contains("alert protocol version"))
            }
        }
    }

    @Test("The server's order of ciphers counts, and `ciphers` says which there are")
    func ciphers() throws {
        try play(tls: ", ciphers: [ECDHE-ECDSA-AES128-GCM-SHA256, TLS_AES_128_GCM_SHA256]") {
            (scene, larder, _) throws in
            #expect(try scene.openssl(larder, "-tls1_2").contains("Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"))
            #expect(try scene.openssl(larder, "-tls1_3").contains("Cipher is TLS_AES_128_GCM_SHA256"))
            #expect(
                try scene.openssl(larder, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384").contains(
                    "alert handshake failure"))
        }
    }

    @Test("Keys are exchanged over X25519, P-256 or P-384, and not over the groups that cost a server most")
    func groups() throws {
        try play { (scene, larder, _) throws in
            for (offered, chosen) in [
                ("X25519:P-256", "X25519"), ("P-521:P-256", "prime256v1"), ("P-384", "secp384r1"),
                ("ffdhe8192:X25519", "X25519"),
            ] {
                let said = try scene.openssl(larder, "-tls1_3", "-groups", offered)
                #expect(
                    said.contains("New, TLSv1.3") && said.contains("Server Temp Key: ") && said.contains(chosen),
                    "\(said)")
            }
            for refused in ["ffdhe8192", "ffdhe2048", "P-521", "X448"] {
                let said = try scene.openssl(larder, "-tls1_3", "-groups", refused)
                #expect(said.contains("alert handshake failure"), "\(said)")
            }
        }
    }

    @Test("Neither compression nor renegotiation")
    func leftOut() throws {
        try play { (scene, larder, _) throws in
            let said = try scene.openssl(larder, "-tls1_2")
            #expect(said.contains("Compression: NONE"))
            let script =
                "(sleep 0.2; echo R; sleep 0.5) | exec openssl s_client -tls1_2 -connect 127.0.0.1:\(larder.port) 2>&1"
            #expect(try run(["/bin/sh", "-c", script]).output.contains("no renegotiation"))
        }
    }

    @Test("RFC 7301: http/1.1 is what is agreed on, and a client that has nothing of the kind gets an alert")
    func protocols() throws {
        try play { (scene, larder, _) throws in
            #expect(try scene.openssl(larder, "-alpn", "h3,http/1.1").contains("ALPN protocol: http/1.1"))
            #expect(try scene.openssl(larder, "-alpn", "h3").contains("no application protocol"))
            #expect(try scene.openssl(larder).contains("No ALPN negotiated"))
        }
    }

    @Test("RFC 9113 §3.2: HTTP/2 is what is agreed on if the client has it, and `http2: off` leaves it out")
    func http2() throws {
        let body = patternedBody(3_000_000)
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                try exchange.respond(
                    200, ["Cache-Control: max-age=600"], bytes: exchange.request.path == "/large" ? body : [97])
            }
            let scene = try TLSScene.shared.get()
            let larder = try scene.larder(stage, origin, tls: "")
            let form = "%{http_version} %{http_code} %{size_download}"
            for _ in 0..<2 {
                let small = try scene.curl(larder, "-o", "/dev/null", "-w", form, scene.url(larder, "/one"))
                #expect(small.output == "2 200 1")
            }
            let file = try TemporaryFolder.make("large") + "/body"
            for _ in 0..<2 {
                let large = try scene.curl(larder, "-o", file, "-w", form, scene.url(larder, "/large"))
                #expect(
                    large.output == "2 200 \(body.count)" && FileManager.default.contents(atPath: file) == Data(body))
            }
            let request = try #require(origin.requests(for: "/one").first)
            #expect(request["X-Forwarded-Proto"] == "https" && request["Via"]?.hasPrefix("2.0 ") == true)
            let load = try run(
                ["h2load", "-n", "4000", "-c", "20", "-m", "10", "https://127.0.0.1:\(larder.port)/one"], within: 60)
            #expect(load.output.contains("4000 succeeded, 0 failed"), "\(load.output)")
            let old = try scene.larder(stage, origin, tls: "") { $0.listenerKeys += ", http2: off" }
            let reply = try scene.curl(old, "-o", "/dev/null", "-w", form, scene.url(old, "/one"))
            #expect(reply.output == "1.1 200 1")
        }
    }

    @Test(
        "RFC 6066 §3: the certificate is the one for the name that is asked for: exact, then the wildcard, else the first"
    )
    func names() throws {
        let scene = try TLSScene.shared.get()
        let wildcard = try scene.authority.issue("wildcard", names: ["*.many.test"])
        let exact = try scene.authority.issue("exact", names: ["one.many.test"])
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            let list = [scene.certificate, wildcard, exact].map { "{cert: \($0.chain), key: \($0.key)}" }
            configuration.listenerKeys = "tls: {certificates: [\(list.joined(separator: ", "))]}"
            let larder = try stage.larder(configuration)
            func subject(_ name: String?) throws -> String {
                let arguments = name.map { ["-servername", $0] } ?? ["-noservername"]
                let said =
                    arguments.count == 2
                    ? try scene.openssl(larder, arguments[0], arguments[1]) : try scene.openssl(larder, arguments[0])
                return said.split(separator: "\n").first { $0.hasPrefix("subject=") }.map(String.init) ?? said
            }
            #expect(try subject("one.many.test") == "subject=CN = exact")
            #expect(try subject("two.many.test") == "subject=CN = wildcard")
            #expect(try subject("a.test") == "subject=CN = server")
            #expect(try subject("other.test") == "subject=CN = server")
            #expect(try subject(nil) == "subject=CN = server")
            #expect(
                try scene.curl(larder, scene.url(larder, "/x", host: "two.many.test"), host: "two.many.test").output
                    == "answer to /x")
        }
    }

    @Test(
        "A client with a certificate of the authority is let in; one without, with an expired one or with somebody else's isn't",
        arguments: ["require", "optional"])
    func clientCertificates(mode: String) throws {
        let scene = try TLSScene.shared.get()
        let good = try scene.authority.issue("client-\(mode)", names: ["client"])
        let expired = try scene.authority.issue("expired-\(mode)", names: ["client"], days: -9 ..< -1)
        let other = try TestAuthority("Another").issue("client", names: ["client"])
        try play(tls: ", client_ca: \(scene.authority.certificate), client_auth: \(mode)") {
            (scene, larder, _) throws in
            func get(_ certificate: CertificatePaths?) throws -> String {
                let url = scene.url(larder, "/x")
                guard let certificate else { return try scene.curl(larder, url).output }
                return try scene.curl(larder, "--cert", certificate.chain, "--key", certificate.key, url).output
            }
            #expect(try get(good) == "answer to /x")
            #expect(try get(nil) == (mode == "optional" ? "answer to /x" : ""))
            #expect(try get(expired) == "")
            #expect(try get(other) == "")
            #expect(try larder.figure("totals", "tls", "failed") == (mode == "optional" ? 2 : 3))
            #expect(
                larder.process.standardError.contains("TLS handshake with 127.0.0.1 failed: certificate has expired"))
        }
    }

    @Test("Plain HTTP on a port for TLS is told so with a 400")
    func plainHTTP() throws {
        try play { (scene, larder, _) throws in
            let response = try larder.get("/x")
            #expect(response.status == 400 && response.text.contains("plain HTTP arrived on a port for HTTPS"))
            #expect(try scene.curl(larder, scene.url(larder, "/x")).output == "answer to /x")
        }
    }

    @Test(
        "A session is resumed by its ticket, with the process's own key, and by another process with the same file of keys"
    )
    func resumption() throws {
        let scene = try TLSScene.shared.get()
        let folder = try TemporaryFolder.make("tickets")
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let (old, new) = ("\(folder)/old", "\(folder)/new")
            try openssl(["rand", "-out", old, "80"])
            try openssl(["rand", "-out", new, "80"])
            try (Data(contentsOf: URL(fileURLWithPath: new)) + Data(contentsOf: URL(fileURLWithPath: old)))
                .write(to: URL(fileURLWithPath: "\(folder)/both"))
            let own = try scene.larder(stage, origin)
            let first = try scene.larder(stage, origin, tls: ", ticket_keys: \(old)")
            let second = try scene.larder(stage, origin, tls: ", ticket_keys: \(folder)/both")
            let third = try scene.larder(stage, origin, tls: ", ticket_keys: \(new)")
            for version in ["-tls1_2", "-tls1_3"] {
                func resumes(_ one: LarderProcess, _ other: LarderProcess) throws -> Bool {
                    let session = "\(folder)/session\(version)"
                    #expect(try scene.openssl(one, version, "-sess_out", session).contains("New, "))
                    let said = try scene.openssl(other, version, "-sess_in", session)
                    guard said.contains("Reused, ") else { return false }
                    // RFC 8446 C.4: a client uses a ticket once, so it gets another one.
                    #expect(said.contains("New Session Ticket arrived") == (version == "-tls1_3"), "\(said)")
                    return true
                }
                #expect(try resumes(own, own))
                #expect(try resumes(first, second))
                #expect(try !resumes(own, first))
                #expect(try !resumes(first, third))
            }
            #expect(try own.figure("totals", "tls", "resumed") == 2)
            #expect(try second.figure("totals", "tls", "resumed") == 2)
        }
    }

    @Test("PROXY protocol comes before TLS")
    func proxyProtocol() throws {
        try play(proxyProtocol: true) { (scene, larder, origin) throws in
            #expect(try scene.curl(larder, "--haproxy-protocol", scene.url(larder, "/x")).output == "answer to /x")
            #expect(try scene.curl(larder, scene.url(larder, "/x")).status != 0)
            // The header, and behind it in the same segment what isn't TLS.
            let answer = try larder.exchange(
                Array("PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\n\r\n".utf8))
            #expect(String(decoding: answer, as: UTF8.self).contains("plain-http-on-tls-port"))
        }
    }

    @Test(
        "`redirect: https` sends every request to https, with its host, path and query; but for challenges of ACME (RFC 8555 §8.3)"
    )
    func redirect() throws {
        let scene = try TLSScene.shared.get()
        let folder = try TemporaryFolder.make("acme")
        try "token.thumbprint".write(toFile: "\(folder)/to-ken_1", atomically: true, encoding: .utf8)
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.listenerKeys = "redirect: https"
            configuration.server += "\nacme: \(folder)\ntrusted_proxies: [127.0.0.1]"
            let larder = try stage.larder(configuration)
            let response = try larder.request("POST", "/a%20b?c=d&e", ["Host: a.test:8080"], body: [1])
            #expect(response.status == 308 && response["Location"] == "https://a.test/a%20b?c=d&e")
            #expect(try larder.get("/x", ["Host: [::1]:80"])["Location"] == "https://[::1]/x")
            // A proxy in front says that it was https already.
            #expect(try larder.get("/x", ["X-Forwarded-Proto: https"]).status == 200)
            #expect(try larder.get("/.well-known/acme-challenge/to-ken_1").text == "token.thumbprint")
            #expect(try larder.get("/.well-known/acme-challenge/other").status == 308)
            #expect(try larder.get("/.well-known/acme-challenge/..%2fx").status == 308)
            configuration.listenerKeys = "redirect: \"https:8443\""
            try larder.write(configuration)
            #expect(try larder.command(["reload"]).status == 0)
            #expect(
                eventually(within: 10) {
                    (try? larder.get("/x", ["Host: a.test"])["Location"]) == "https://a.test:8443/x"
                })
            _ = scene
        }
    }

    @Test("Large bodies go both ways unchanged, one byte at a time or with a reader that hardly reads")
    func bodies() throws {
        let scene = try TLSScene.shared.get()
        let folder = try TemporaryFolder.make("bodies")
        let bytes = patternedBody(6_000_000)
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/body"))
        let large = (0..<500_000).map { String(format: "%07d\n", $0) }.joined()
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                switch exchange.request.path {
                case "/large": try exchange.respond(200, ["Cache-Control: max-age=60"], body: large)
                default: try exchange.respond(200, ["Cache-Control: no-store"], bytes: exchange.readBody())
                }
            }
            let larder = try scene.larder(stage, origin)
            _ = try scene.curl(
                larder, "--data-binary", "@\(folder)/body", "-o", "\(folder)/back", scene.url(larder, "/echo"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/back")) == Data(bytes))
            // A MISS, then a HIT.
            for _ in 0..<2 { #expect(try scene.client("unread", larder) == "True close_notify\n") }
        }
    }

    @Test("WebSocket passes over TLS, with HTTP/1.1 and over a stream of HTTP/2 (RFC 8441)")
    func webSocket() throws {
        let scene = try TLSScene.shared.get()
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                try exchange.send(head + "Sec-WebSocket-Accept: \(WebSocket.accept)\r\n\r\nhi ")
                while let bytes = try? exchange.socket.receive(), !bytes.isEmpty { try exchange.send(bytes) }
            }
            let larder = try scene.larder(stage, origin) {
                $0.routes = "- path: /{rest...}\n  upstream: origin\n  upgrade: [websocket]"
            }
            #expect(try scene.client("websocket", larder) == "HTTP/1.1 101 Switching Protocols echo\n")
            #expect(try scene.client("websocket2", larder) == "h2 True\n")
            let requests = origin.requests(for: "/chat")
            #expect(requests.count == 2 && requests.allSatisfy { $0["X-Forwarded-Proto"] == "https" })
        }
    }

    @Test(
        "A certificate that is replaced on disk is taken on by itself, one that doesn't fit isn't, and a reload takes it on at once"
    )
    func replaced() throws {
        let scene = try TLSScene.shared.get()
        let folder = try TemporaryFolder.make("replaced")
        let (chain, key) = ("\(folder)/chain.pem", "\(folder)/key.pem")
        func put(_ from: String, at path: String) throws {
            try Data(contentsOf: URL(fileURLWithPath: from)).write(to: URL(fileURLWithPath: path), options: .atomic)
        }
        try put(scene.certificate.chain, at: chain)
        try put(scene.certificate.key, at: key)
        let next = try scene.authority.issue("next", names: ["a.test"], days: -1..<5)
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.listenerKeys = "tls: {certificates: [{cert: \(chain), key: \(key)}]}"
            let larder = try stage.larder(configuration)
            func subject() throws -> Bool { try scene.openssl(larder).contains("subject=CN = next") }
            // A connection from before keeps what it has.
            try put(next.chain, at: chain)
            #expect(
                eventually(within: 30) {
                    larder.process.standardError.contains("can't be used, the old ones stay in use")
                })
            #expect(try !subject())
            let faulty = try larder.command(["reload"])
            #expect(faulty.status == 1 && faulty.errors.contains("does not fit the certificate"))
            try put(next.key, at: key)
            #expect(try eventually(within: 30) { try subject() })
            #expect(larder.process.standardError.contains("the certificate for a.test in \(chain) expires on 20"))
            let metrics = try larder.admin("GET", "/metrics").text
            #expect(
                metrics.contains("larder_tls_certificate_expiry_timestamp_seconds{path=\"\(chain)\",name=\"a.test\"} "))
            try put(scene.certificate.chain, at: chain)
            try put(scene.certificate.key, at: key)
            #expect(try larder.command(["reload"]).status == 0)
            #expect(try eventually { try !subject() })
        }
    }

    @Test("Reloads with new certificates under load fail no request")
    func reloads() throws {
        let scene = try TLSScene.shared.get()
        let other = try scene.authority.issue("turn", names: ["a.test"])
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.listenerKeys = scene.listener()
            let larder = try stage.larder(configuration)
            let load = stage.keep(try Wrk("https://127.0.0.1:\(larder.port)/x", seconds: 6)) { $0.stop() }
            var turns = 0
            while load.isRunning, turns < 100 {
                turns += 1
                let pair = turns % 2 == 0 ? scene.certificate : other
                configuration.listenerKeys = "tls: {certificates: [{cert: \(pair.chain), key: \(pair.key)}]}"
                try larder.write(configuration)
                #expect(try larder.command(["reload"]).status == 0)
            }
            let report = try load.report()
            #expect(report.failures == 0 && report.requests > 100, "\(report)")
            #expect(turns > 1)
        }
    }

    @Test(
        "`check` says what doesn't fit, with line and column, and so does a start; an expired certificate stops no start"
    )
    func check() throws {
        let scene = try TLSScene.shared.get()
        let other = try scene.authority.issue("unfit", names: ["b.test"])
        let expired = try scene.authority.issue("gone", names: ["c.test"], days: -9 ..< -1)
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let larder = try scene.larder(stage, origin)
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.listenerKeys = "tls: {certificates: [{cert: \(scene.certificate.chain), key: \(other.key)}]}"
            try larder.write(configuration)
            let unfit = try larder.command(["check"])
            #expect(unfit.status == 1)
            #expect(
                unfit.errors.contains(
                    /larder\.yaml:2:\d+: error: the key in .*unfit\.key does not fit the certificate in/))
            configuration.listenerKeys = "tls: {certificates: [{cert: \(expired.chain), key: \(expired.key)}]}"
            try larder.write(configuration)
            #expect(
                try larder.command(["check"]).errors.contains(
                    /larder\.yaml:2:\d+: error: the certificate in .* expired on 20/))
            #expect(try larder.command(["reload"]).status == 0)
            #expect(larder.process.standardError.contains("expired on 20"))
        }
    }
}
