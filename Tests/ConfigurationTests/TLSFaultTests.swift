import ConfigurationReader
import Testing

@testable import Configuration

@Suite("Faults of `tls`")
struct TLSFaultTests {
    private static let certificates = "certificates: {cert: /c.pem, key: /k.pem}"

    private func listener(_ text: String) -> String {
        "server:\n  listen: {address: \"127.0.0.1:443\", \(text)}" + rest
    }

    @Test(
        "of listeners",
        arguments: [
            (
                "tls: {}",
                "2:43: error: `tls` has no `certificates`; add certificates: [{cert: /etc/ssl/example.pem, key: /etc/ssl/private/example.key}]"
            ),
            ("tls: {certificates: []}", "2:58: error: `certificates` is empty"),
            ("tls: {certificates: [{cert: /c}]}", "2:59: error: the certificate has no `key`; add key: PATH"),
            ("tls: {certificates: {cert: c, key: /k}}", "2:65: error: expected an absolute path, found `c`"),
            (
                "tls: {\(certificates), min: 1.1}",
                "2:92: error: `1.1` is not offered: TLS before 1.2 is broken (RFC 8996); write 1.2 or 1.3"
            ),
            ("tls: {\(certificates), min: new}", "2:92: error: `new` is not a version of TLS; write 1.2 or 1.3"),
            (
                "tls: {\(certificates), ciphers: []}",
                "2:96: error: `ciphers` is empty; remove it for Larder's own choice"
            ),
            (
                "tls: {\(certificates), client_auth: optional}",
                "2:100: error: `client_auth` has no effect without `client_ca`; add client_ca: PATH, a file of the authorities that clients' certificates are from"
            ),
            (
                "tls: {\(certificates), client_ca: /ca, client_auth: maybe}",
                "2:116: error: invalid value `maybe` for `client_auth`; allowed: require or optional"
            ),
            ("tls: {\(certificates), cipher: x}", "2:87: error: unknown key `cipher`; did you mean `ciphers`?"),
            ("redirect: http", "2:48: error: expected https or https:PORT, found `http`"),
            ("redirect: \"https:0\"", "2:48: error: expected https or https:PORT, found `https:0`"),
            (
                "tls: {\(certificates)}, redirect: https",
                "2:98: error: a listener with `tls` can't redirect to https; put redirect: https on the listener for plain HTTP"
            ),
        ])
    func listeners(text: String, fault: String) { #expect(faults(listener(text)) == [fault]) }

    @Test(
        "of upstreams",
        arguments: [
            (
                "servers: http://h, tls: {verify: off}",
                "1:41: error: `tls` has no effect: none of the servers is https; write https:// in `servers`"
            ),
            (
                "servers: https://h, tls: {ca: /ca, verify: off}",
                "1:47: error: `ca` has no effect with `verify: off`; remove one of the two"
            ),
            ("servers: https://h, tls: {cert: /c}", "1:49: error: `cert` and `key` belong together; add key: PATH"),
            ("servers: https://h, tls: {key: /k}", "1:48: error: `cert` and `key` belong together; add cert: PATH"),
            (
                "servers: https://h, tls: {server_name: \"h:443\"}",
                "1:56: error: `h:443` is not a host name; write the name alone, as in api.example.com"
            ),
            (
                "servers: http://h, http2: on",
                "1:43: error: `http2: on` needs TLS, and `http://h` is without; write https://, or h2c:// for HTTP/2 without TLS"
            ),
            (
                "servers: [https://h, http://i], http2: on",
                "1:56: error: `http2: on` needs TLS, and `http://i` is without; write https://, or h2c:// for HTTP/2 without TLS"
            ),
            (
                "servers: \"unix:/s\", http2: on",
                "1:44: error: `http2: on` needs TLS, and `unix:/s` is without; write https://, or h2c:// for HTTP/2 without TLS"
            ),
            (
                "servers: h2c://h, http2: off",
                "1:42: error: `http2: off` and a server with h2c:// exclude each other; write http:// instead"
            ),
            (
                "servers: https://h, max_streams: 5",
                "1:50: error: `max_streams` has no effect without HTTP/2; add http2: on, or write h2c:// for HTTP/2 without TLS"
            ),
            (
                "servers: http://h, max_streams: 5",
                "1:49: error: `max_streams` has no effect without HTTP/2; add http2: on, or write h2c:// for HTTP/2 without TLS"
            ),
            (
                "servers: [h2c://h, http://i]",
                "1:36: error: `http://i` speaks another protocol than `h2c://h`; h2c:// is for all servers of an upstream, or for none: make two upstreams of them"
            ),
            (
                "servers: h2c://h, tls: {verify: off}",
                "1:40: error: `tls` has no effect: none of the servers is https; write https:// in `servers`"
            ),
        ])
    func upstreams(text: String, fault: String) {
        #expect(faults("upstreams: {a: {\(text)}}\nroutes: [{path: /x, upstream: a}]") == [fault])
    }

    @Test(
        "What is wrong with the files stands where they are named; what time has done is a warning for a daemon that starts"
    )
    func files() {
        let text = """
            server:
              listen:
                address: 127.0.0.1:443
                tls:
                  certificates:
                    - {cert: /a.pem, key: /a.key}
                    - {cert: /b.pem, key: /b.key}
                  client_ca: /ca.pem
            """
        func read(toleratesTime: Bool) -> ConfigurationReading {
            let credentials = Surroundings.Credentials(ofListener: { _ in
                [
                    TLSFault(.key(1), "no fit"), TLSFault(.clientCA, "no authority"),
                    TLSFault(.certificate(0), "old", isAboutTime: true),
                ]
            })
            let surroundings = Surroundings(
                environment: { _ in nil }, credentials: credentials, toleratesTime: toleratesTime)
            return ConfigurationFile.read(bytes: Array((text + rest).utf8), fileName: "f", in: surroundings)
        }
        let checked = read(toleratesTime: false)
        #expect(
            checked.faults.map(\.description) == [
                "f:6:18: error: old", "f:7:31: error: no fit", "f:8:18: error: no authority",
            ])
        let started = read(toleratesTime: true)
        #expect(started.faults.count == 2 && started.warnings.map(\.description) == ["f:6:18: warning: old"])
    }

    @Test("The effective file reads back as the same, with listeners and upstreams that have TLS")
    func effective() throws {
        let text = """
            server:
              listen:
                - {address: 127.0.0.1:80, redirect: https}
                - {address: 127.0.0.1:81, redirect: "https:8443", proxy_protocol: on}
                - address: 127.0.0.1:443
                  tls: {certificates: [{cert: /a.pem, key: "/a b.key"}], min: 1.3, ciphers: [X, TLS_Y], client_ca: /ca, client_auth: optional, ticket_keys: /t}
              acme: /var/lib/acme
            upstreams:
              a: {servers: ["https://h", "https://[::1]:8443/"], tls: {ca: /ca, server_name: n.test, cert: /c, key: /k}}
              b: https://h:80
            routes: [{path: /x, upstream: a}, {path: /y, upstream: b}]
            """
        let configuration = try #require(read(text).configuration)
        #expect(read(configuration.effectiveYAML()).configuration == configuration)
        #expect(configuration.upstreams[0].servers == [.tls(host: "h", port: 443), .tls(host: "::1", port: 8443)])
        #expect(configuration.upstreams[0].servers.map(\.authority) == ["h", "[::1]:8443"])
        #expect(configuration.upstreams[1].servers.map(\.description) == ["https://h:80"])
        let tls = try #require(configuration.server.tls[.tcp(host: "127.0.0.1", port: 443)])
        #expect(tls.minimum == .tls13 && tls.clientAuthentication == .optional && tls.ciphers == ["X", "TLS_Y"])
        #expect(configuration.server.redirectsToHTTPS.values.sorted() == [443, 8443])
    }
}
