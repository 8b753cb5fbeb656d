import Testing

@testable import Configuration

@Suite("Values and their text")
struct ValueTests {
    @Test(
        "durations",
        arguments: [
            ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("45", 45_000),
            ("0", 0),
        ] as [(String, Int64)])
    func durations(_ text: String, _ milliseconds: Int64) throws {
        let value = try Milliseconds(parsing: text)
        #expect(value.rawValue == milliseconds)
        #expect(try Milliseconds(parsing: value.description) == value)
    }

    @Test(
        "sizes",
        arguments: [
            ("64KiB", 65_536), ("256MiB", 268_435_456), ("1GB", 1_000_000_000), ("2GiB", 2_147_483_648), ("7", 7),
            ("7B", 7), ("0", 0),
        ] as [(String, Int64)])
    func sizes(_ text: String, _ bytes: Int64) throws {
        let value = try ByteCount(parsing: text)
        #expect(value.rawValue == bytes)
        #expect(try ByteCount(parsing: value.description) == value)
    }

    @Test("percentages", arguments: [("1%", 1), ("10%", 10), ("007%", 7), ("100%", 100)] as [(String, UInt8)])
    func percentages(_ text: String, _ hundredths: UInt8) throws {
        let value = try Percent(parsing: text)
        #expect(value.rawValue == hundredths)
        #expect(try Percent(parsing: value.description) == value)
    }

    @Test(
        "what `statuses` can name",
        arguments: [
            ("200", .exact(200)), ("599", .exact(599)), ("2xx", .class(2)), ("5Xx", .class(5)), ("any", .any),
        ] as [(String, StatusSelector)])
    func statuses(_ text: String, _ selector: StatusSelector) throws {
        #expect(try StatusSelector(parsing: text) == selector)
        #expect(try StatusSelector(parsing: selector.description) == selector)
    }

    @Test("the more exact selector comes first")
    func exactness() {
        #expect(
            [.any, .class(4), .exact(599), .class(2), .exact(200)].sorted()
                == [.exact(200), .exact(599), .class(2), .class(4), StatusSelector.any])
    }

    @Test(
        "IP addresses have one spelling (RFC 5952)",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("::", "::"), ("::1", "::1"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("::ffff:10.0.0.1", "::ffff:a00:1"), ("1::", "1::"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
            ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ])
    func addresses(_ text: String, _ spelling: String) { #expect(IPAddress(text)?.description == spelling) }

    @Test(
        "what is no IP address",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.", ":", ":::", "1::2::3", "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9", "12345::", "g::", "1:2:3:4:5:6:7::8", "fe80::1%eth0", ":1", "1:", "::1.2.3",
            "1.2.3.4::",
        ])
    func noAddresses(_ text: String) { #expect(IPAddress(text) == nil) }

    @Test("ranges contain what they should")
    func ranges() throws {
        func contains(_ range: String, _ address: String) throws -> Bool {
            try AddressRange(parsing: range).contains(try #require(IPAddress(address)))
        }
        #expect(try contains("10.0.0.0/8", "10.255.0.1"))
        #expect(try !contains("10.0.0.0/8", "11.0.0.1"))
        #expect(try contains("10.0.0.0/8", "::ffff:10.0.0.1"))
        #expect(try contains("0.0.0.0/0", "1.2.3.4"))
        #expect(try !contains("0.0.0.0/0", "2001::1"))
        #expect(try contains("::/0", "2001::1"))
        #expect(try contains("fd00::/8", "fdff::1"))
        #expect(try !contains("fd00::/8", "fe00::1"))
        #expect(try contains("::1", "::1"))
    }

    @Test(
        "Redis URLs",
        arguments: [
            ("redis://h", .tcp(host: "h", port: 6379), nil, nil, 0),
            ("redis://H:1/3", .tcp(host: "h", port: 1), nil, nil, 3),
            ("redis://:a%2Fb@h", .tcp(host: "h", port: 6379), nil, "a/b", 0),
            ("redis://u:p@q@[::1]:2/", .tcp(host: "::1", port: 2), "u", "p@q", 0),
            ("unix:///run/r.sock", .unix(path: "/run/r.sock"), nil, nil, 0),
            ("unix:/run/r.sock?db=4", .unix(path: "/run/r.sock"), nil, nil, 4),
            ("unix://u:p@/run/r.sock", .unix(path: "/run/r.sock"), "u", "p", 0),
            (
                "redis+sentinel://H,[::1]:1/my-master",
                .sentinels(
                    SentinelGroup(
                        servers: [.init(host: "h", port: 26379), .init(host: "::1", port: 1)], master: "my-master")),
                nil, nil, 0
            ),
            (
                "redis+cluster://H,[::1]:1", .cluster([.init(host: "h", port: 6379), .init(host: "::1", port: 1)]), nil,
                nil, 0
            ),
            ("redis+cluster://u:p@h:1/0", .cluster([.init(host: "h", port: 1)]), "u", "p", 0),
            (
                "redis+sentinel://u:p@h/m/2?sentinel_username=s&sentinel_password=a%26b",
                .sentinels(
                    SentinelGroup(
                        servers: [.init(host: "h", port: 26379)], master: "m", user: "s", password: "a&b")), "u", "p", 2
            ),
        ] as [(String, RedisEndpoint.Address, String?, String?, Int)])
    func redis(_ url: String, _ address: RedisEndpoint.Address, _ user: String?, _ password: String?, _ database: Int)
        throws
    {
        let endpoint = try RedisEndpoint(parsing: url)
        #expect(endpoint == RedisEndpoint(address: address, user: user, password: password, database: database))
        #expect(try RedisEndpoint(parsing: endpoint.url(withoutSecrets: false)) == endpoint)
    }

    @Test("Neither the master's password nor that of the sentinels is shown")
    func redisSecrets() throws {
        let endpoint = try RedisEndpoint(parsing: "redis+sentinel://:hidden@h,i:2/m?sentinel_password=secret")
        #expect(
            endpoint.url(withoutSecrets: true) == "redis+sentinel://:***@h:26379,i:2/m/0?sentinel_password=***")
        #expect("\(endpoint.address)" == "m of h:26379,i:2")
        let cluster = try RedisEndpoint(parsing: "redis+cluster://u:hidden@h,[::1]:2")
        #expect(cluster.url(withoutSecrets: true) == "redis+cluster://u:***@h:6379,[::1]:2")
        #expect(try RedisEndpoint(parsing: cluster.url(withoutSecrets: false)) == cluster)
        #expect("\(cluster.address)" == "the cluster of h:6379,[::1]:2")
    }

    @Test(
        "rediss is redis over TLS",
        arguments: ["://:p@h:1/2", "+sentinel://h,i:2/m/1?sentinel_password=s", "+cluster://u:p@h,[::1]:2"])
    func redisTLS(_ rest: String) throws {
        let (plain, secure) = (try RedisEndpoint(parsing: "redis\(rest)"), try RedisEndpoint(parsing: "rediss\(rest)"))
        #expect(secure.isTLS && !plain.isTLS && secure.address == plain.address && secure.password == plain.password)
        #expect(secure.url(withoutSecrets: false).hasPrefix("rediss\(rest.prefix { $0 != "/" })"))
        #expect(try RedisEndpoint(parsing: secure.url(withoutSecrets: false)) == secure)
        #expect(throws: ValueFault.self) { try RedisEndpoint(parsing: "redisss\(rest)") }
    }

    @Test("the Host of an origin leaves port 80 out")
    func authority() throws {
        #expect(try OriginAddress(parsing: "http://API.internal/").authority == "api.internal")
        #expect(try OriginAddress(parsing: "http://[::1]:81").authority == "[::1]:81")
        #expect(OriginAddress.unix(path: "/s").authority == "localhost")
    }

    @Test("path patterns are normalised as RFC 3986 §6.2.2 says")
    func normalisation() throws {
        #expect(
            try PathPattern(parsing: "/%7Euser/%2f/a b/ä;v=1").segments == [
                .literal("~user"), .literal("%2F"), .literal("a%20b"), .literal("%C3%A4;v=1"),
            ])
        #expect(try PathPattern(parsing: "/a/{b}/{c...}").description == "/a/{b}/{c...}")
    }

    @Test("the command line's configuration has one route for everything")
    func quick() throws {
        let it = try Configuration.quick(
            upstream: "http://127.0.0.1:9000", listen: ["[::1]:80"], timeout: "60s", redis: "redis://h")
        #expect(it.routes.map(\.path.segments) == [[.rest("rest")]])
        #expect(it.routes[0].cache?.timeout == .seconds(60))
        #expect(it.upstreamIndexes == ["upstream": 0] && it.routes[0].upstream == "upstream")
        #expect(it.store.backend == .redis)
        #expect(it.server.listen == [.tcp(host: "::1", port: 80)])
        #expect(it.admin.listen != nil)
        #expect(try Configuration.quick(upstream: "http://h", listen: ["127.0.0.1:8081"]).admin.listen == nil)
    }

    @Test("the command line's faults name their option")
    func quickFaults() {
        func fault(_ make: () throws(ValueFault) -> Configuration) -> String? {
            do { _ = try make() } catch { return error.description }
            return nil
        }
        #expect(
            fault { () throws(ValueFault) in try .quick(upstream: "h:1") }
                == "--upstream: `h:1` has no scheme; write http://h:1")
        #expect(
            fault { () throws(ValueFault) in try .quick(upstream: "http://h", listen: ["80"]) }?.hasPrefix(
                "--listen: `80`") == true)
        #expect(
            fault { () throws(ValueFault) in try .quick(upstream: "http://h", timeout: "x") }?.hasPrefix(
                "--timeout: invalid duration `x`") == true)
        #expect(
            fault { () throws(ValueFault) in try .quick(upstream: "http://h", redis: "x") }?.hasPrefix("--redis: ")
                == true)
    }
}
