import Foundation
import TestSupport
import Testing

// HTTP/2 to the servers that people have: nghttpd and nginx, with and without TLS, and one that speaks HTTP/1.1 only.

/// nghttpd (Debian: nghttp2-server), serving a folder.
final class Nghttpd: Sendable {
    let port = FreePort.take()
    let documents: String
    let process: ChildProcess

    init(_ certificate: CertificatePaths?) throws {
        documents = try TemporaryFolder.make("nghttpd")
        let (port, documents) = (port, documents)
        let keys = certificate.map { [$0.key, $0.chain] } ?? []
        process = try ChildProcess(
            ["nghttpd", "-d", documents, "-a", "127.0.0.1"] + (keys.isEmpty ? ["--no-tls"] : []) + ["\(port)"] + keys)
        let isUp = eventually(within: 15) { (try? Socket(connectingTo: .port(port), timeout: 1)) != nil }
        guard isUp, process.isRunning else { throw HarnessError("nghttpd did not come up\n\(process.lastWords)") }
    }

    func put(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(documents)/\(name)"))
    }
}

@Suite("HTTP/2 to upstreams that people run")
struct HTTP2UpstreamRealTests {
    private func play(
        _ upstream: String, server: String = "workers: 1", _ body: (LarderProcess) throws -> Void
    ) throws {
        try Stage.run { stage in
            try body(
                try stage.larder(
                    LarderConfiguration(
                        upstreams: "origin: {\(upstream)}", routes: "- path: /{rest...}\n  upstream: origin",
                        server: server)))
        }
    }

    private static let bytes = patternedBody(2_000_000)

    @Test("nghttpd, with TLS (ALPN) and without: small and large, many at once", arguments: [false, true])
    func nghttpd(isSecure: Bool) throws {
        let scene = try TLSScene.shared.get()
        let origin = try Nghttpd(isSecure ? scene.certificate : nil)
        defer { origin.process.stop(within: 1) }
        try origin.put("small", Array("hello".utf8))
        try origin.put("large", Self.bytes)
        let upstream =
            isSecure
            ? "servers: \"https://127.0.0.1:\(origin.port)\", http2: on, tls: {ca: \(scene.authority.certificate)}"
            : "servers: \"h2c://127.0.0.1:\(origin.port)\""
        try play(upstream) { (larder) throws in
            for _ in 0..<10 { #expect(try larder.get("/small").text == "hello") }
            #expect(try larder.get("/large").body == Self.bytes)
            #expect(try larder.request("HEAD", "/large")["Content-Length"] == "\(Self.bytes.count)")
            #expect(try larder.get("/none").status == 404)
            let finished = try run(
                ["h2load", "--h1", "-n", "2000", "-c", "32", "\(larder.url)/small"], within: 60)
            #expect(finished.output.contains("2000 succeeded, 0 failed, 0 errored"), "\(finished.output)")
            #expect(try larder.figure("totals", "origin_connections", "connects") == 1)
            #expect(try larder.figure("totals", "origin_connections", "http2", "faults") == 0)
        }
    }

    @Test("nginx, which ends a connection after so many requests: none of them fails")
    func nginx() throws {
        let scene = try TLSScene.shared.get()
        let port = FreePort.take()
        let folder = try TemporaryFolder.make("nginx-http2")
        let configuration = """
            daemon off; master_process off; pid \(folder)/nginx.pid; error_log stderr warn;
            events { worker_connections 1024; }
            http {
              access_log off; client_body_temp_path \(folder)/body; proxy_temp_path \(folder)/proxy;
              fastcgi_temp_path \(folder)/fastcgi; uwsgi_temp_path \(folder)/uwsgi; scgi_temp_path \(folder)/scgi;
              keepalive_requests 50;
              server {
                listen 127.0.0.1:\(port) ssl http2;
                ssl_certificate \(scene.certificate.chain); ssl_certificate_key \(scene.certificate.key);
                location / { return 200 $server_protocol; }
              }
            }
            """
        try configuration.write(toFile: "\(folder)/nginx.conf", atomically: true, encoding: .utf8)
        let process = try ChildProcess(
            ["/usr/sbin/nginx", "-e", "stderr", "-p", folder, "-c", "\(folder)/nginx.conf"], in: folder)
        defer { process.stop(within: 1) }
        #expect(eventually(within: 15) { (try? Socket(connectingTo: .port(port), timeout: 1)) != nil })
        try play(
            "servers: \"https://127.0.0.1:\(port)\", http2: on, tls: {ca: \(scene.authority.certificate)}"
        ) { (larder) throws in
            #expect(try larder.get("/x").text == "HTTP/2.0")
            let finished = try run(["h2load", "--h1", "-n", "2000", "-c", "16", "\(larder.url)/x"], within: 60)
            #expect(finished.output.contains("status codes: 2000 2xx"), "\(finished.output)")
        }
    }

    @Test("A server that doesn't choose HTTP/2 is spoken to in HTTP/1.1, and isn't asked again for a while")
    func fallsBack() throws {
        let scene = try TLSScene.shared.get()
        let port = FreePort.take()
        let process = try ChildProcess([
            "python3", TLSScene.program("tls_origin.py"), "\(port)", scene.certificate.chain, scene.certificate.key,
        ])
        defer { process.stop(within: 1) }
        #expect(eventually(within: 15) { (try? Socket(connectingTo: .port(port), timeout: 1)) != nil })
        try play(
            "servers: \"https://127.0.0.1:\(port)\", http2: on, tls: {ca: \(scene.authority.certificate)}"
        ) { (larder) throws in
            let responses = try HTTP2UpstreamScene.together(larder, (0..<8).map { ("GET", "/\($0)000") })
            #expect(responses.map(\.status) == [Int](repeating: 200, count: 8))
            #expect(responses.map(\.body.count) == (0..<8).map { $0 * 1_000 })
            #expect(try larder.get("/x").status == 200)
            #expect(try larder.figure("totals", "origin_connections", "http2", "connections") == 0)
            #expect(try larder.figure("totals", "origin_connections", "open") <= 8)
        }
    }

    @Test("A certificate that isn't trusted is a 502 for all that wait for the connection")
    func untrusted() throws {
        let scene = try TLSScene.shared.get()
        let origin = try Nghttpd(scene.certificate)
        defer { origin.process.stop(within: 1) }
        try play("servers: \"https://127.0.0.1:\(origin.port)\", http2: on") { (larder) throws in
            let responses = try HTTP2UpstreamScene.together(larder, (0..<5).map { ("GET", "/\($0)") })
            #expect(responses.allSatisfy { $0.status == 502 && $0.text.contains("tls-not-trusted") })
            #expect(try larder.figure("totals", "origin_connections", "open") == 0)
        }
    }

    @Test("A server that isn't there is a 503 for all that wait for the connection")
    func refused() throws {
        try play("servers: \"h2c://127.0.0.1:\(FreePort.take())\"") { (larder) throws in
            let responses = try HTTP2UpstreamScene.together(larder, (0..<5).map { ("GET", "/\($0)") })
            #expect(responses.allSatisfy { $0.status == 503 })
            #expect(try larder.figure("totals", "origin_connections", "open") == 0)
        }
    }
}
