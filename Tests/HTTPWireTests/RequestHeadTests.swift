import HTTPSemantics
import Testing

@testable import HTTPWire

@Suite("RFC 9112 §3: request line and target forms")
struct RequestLineTests {
    @Test("origin-form gives path and query, Host the authority")
    func originForm() throws {
        let facts = try request("GET /a/b?c=d?e HTTP/1.1\r\nHost: example.com:81\r\n\r\n")
        #expect(facts.method == .get && facts.form == .origin && facts.scheme == "")
        #expect(facts.path == "/a/b" && facts.query == "c=d?e" && facts.authority == "example.com:81")
    }

    @Test("an empty query differs from a missing one")
    func emptyQuery() throws {
        #expect(try request("GET /a? HTTP/1.1\r\nHost: a\r\n\r\n").query == "")
        #expect(try request("GET /a HTTP/1.1\r\nHost: a\r\n\r\n").query == nil)
    }

    @Test("the authority of an absolute-form replaces Host")
    func absoluteForm() throws {
        let facts = try request("GET HTTP://b:82/x?y HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(facts.form == .absolute && facts.scheme == "HTTP" && facts.authority == "b:82")
        #expect(facts.path == "/x" && facts.query == "y")
    }

    @Test("an absolute-form may have a query without a path")
    func absoluteFormWithoutPath() throws {
        let facts = try request("GET https://b?y HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(facts.authority == "b" && facts.path == "" && facts.query == "y")
    }

    @Test("authority-form belongs to CONNECT, asterisk-form to OPTIONS")
    func otherForms() throws {
        let connect = try request("CONNECT [::1]:443 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(connect.form == .authority && connect.authority == "[::1]:443" && connect.path == "")
        let options = try request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(options.form == .asterisk && options.authority == "a" && options.path == "*")
    }

    @Test(
        "method names are case-sensitive and any token is one",
        arguments: ["get", "Get", "PROPFIND", "M-SEARCH", "GETS", "!"])
    func otherMethods(_ name: String) throws {
        #expect(try request("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n").method == .other)
    }

    @Test("every known method is recognised", arguments: Method.allCases.filter { $0 != .other })
    func knownMethods(_ method: Method) throws {
        let target = method == .connect ? "a:1" : "/"
        #expect(try request("\(method.text) \(target) HTTP/1.1\r\nHost: a\r\n\r\n").method == method)
    }

    @Test("empty lines before the request line are skipped, within the limit of a head", arguments: [1, 2, 40])
    func leadingEmptyLines(count: Int) throws {
        let lines = String(repeating: "\r\n", count: count)
        let facts = try request(lines + "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest")
        #expect(facts.target == "/" && facts.length == 27 + 2 * count)
    }

    @Test("empty lines alone are no request, and too many of them are no head either")
    func emptyLinesOnly() throws {
        var head = RequestHead()
        var isComplete = try head.parse("\r\n\r\n\r".utf8.span, limits: HeadLimits())
        #expect(!isComplete && head.emptyLinesLength == 4)
        isComplete = try head.parse("\r\n\r\n\r\nG".utf8.span, limits: HeadLimits())
        #expect(!isComplete && head.emptyLinesLength == nil)
        let many = Array(String(repeating: "\r\n", count: 20_000).utf8)
        var other = RequestHead()
        #expect(throws: WireError(.headTooLarge, from: .client)) {
            _ = try other.parse(many.span, limits: HeadLimits())
        }
    }

    @Test("a later minor version is read as HTTP/1.1")
    func laterMinorVersion() throws {
        #expect(try request("GET / HTTP/1.7\r\nHost: a\r\n\r\n").minorVersion == 1)
        #expect(try request("GET / HTTP/1.0\r\n\r\n").minorVersion == 0)
    }

    @Test(
        "valid authorities",
        arguments: [
            "a", "a.b-c_d~e", "a:", "a:0", "a:65535", "127.0.0.1:80", "[::]", "[::1]:80", "[1:2:3:4:5:6:7:8]", "[1::8]",
            "[::ffff:192.0.2.1]", "[1:2:3:4:5:6:192.0.2.1]", "[1:2:3:4:5:6:7::]", "[ABCD:ef01::]",
        ])
    func authorities(_ authority: String) throws {
        #expect(try request("GET / HTTP/1.1\r\nHost: \(authority)\r\n\r\n").authority == authority)
        #expect(try request("GET http://\(authority)/ HTTP/1.1\r\nHost: x\r\n\r\n").authority == authority)
    }
}

@Suite("RFC 9112 §5: field lines")
struct FieldLineTests {
    @Test("white space around a value is not part of it")
    func trimming() throws {
        let facts = try request("GET / HTTP/1.1\r\nHost:\t a \t\r\nA:\r\nB: \t \r\nC:d e\tf\r\n\r\n")
        #expect(facts.fields == ["host|Host|a", "other|A|", "other|B|", "other|C|d e\tf"])
    }

    @Test("non-ASCII bytes are allowed in values")
    func obsoleteText() throws {
        #expect(try request("GET / HTTP/1.1\r\nHost: a\r\nA: ä\r\n\r\n").fields.last == "other|A|ä")
    }

    @Test("every known name is recognised in any case", arguments: FieldName.allCases.filter { $0 != .other })
    func recognition(_ name: FieldName) {
        let text = "\(name.text)"
        for spelling in [text, text.lowercased(), text.uppercased()] {
            #expect(FieldName.recognise(Array(spelling.utf8).span) == name)
        }
        for place in text.utf8.indices {
            var bytes = Array(text.utf8)
            let offset = text.utf8.distance(from: text.startIndex, to: place)
            for wrong: UInt8 in [0, 0x0d, 0x40, 0x5b, 0xff, UInt8(ascii: "_")] {
                bytes[offset] = wrong
                #expect(FieldName.recognise(bytes.span) == .other)
            }
        }
    }

    @Test("names of any length that are not known are other")
    func unknownNames() {
        for length in 0..<64 {
            #expect(FieldName.recognise([UInt8](repeating: UInt8(ascii: "q"), count: length).span) == .other)
        }
    }

    @Test("first finds the first line of a name, contains reports whether there is one")
    func lookup() throws {
        let sent = try head("GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\nACCEPT: c\r\n\r\n")
        let accept = sent.head.first(.accept).map { text($0, of: sent.bytes) }
        let (hasAccept, hasRange, range) = (
            sent.head.contains(.accept), sent.head.contains(.range), sent.head.first(.range)
        )
        #expect(accept == "b")
        #expect(hasAccept && !hasRange && range == nil)
    }
}

@Suite("RFC 9112 §6, §9: body length and persistence of requests")
struct RequestFramingTests {
    static func post(_ lines: String, version: String = "1.1") throws -> RequestFacts {
        try request("POST / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n")
    }

    @Test(
        "framing",
        arguments: [
            ("", BodyFraming.none), ("Content-Length: 0\r\n", .length(0)), ("Content-Length: 5\r\n", .length(5)),
            ("Content-Length: 005\r\n", .length(5)), ("Content-Length: 5, 5\r\n", .length(5)),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", .length(5)),
            ("Content-Length: 9223372036854775807\r\n", .length(9_223_372_036_854_775_807)),
            ("Transfer-Encoding: chunked\r\n", .chunked), ("transfer-encoding: ChunKed\r\n", .chunked),
        ])
    func framing(_ lines: String, _ framing: BodyFraming) throws {
        #expect(try Self.post(lines).framing == framing)
    }

    @Test(
        "persistence",
        arguments: [
            ("", "1.1", true), ("Connection: close\r\n", "1.1", false), ("Connection: a, Close\r\n", "1.1", false),
            ("Connection: keep-alive\r\nConnection: close\r\n", "1.1", false), ("", "1.0", false),
            ("Connection: Keep-Alive\r\n", "1.0", true), ("Connection: keep-alive, close\r\n", "1.0", false),
            ("Connection: , ,\r\n", "1.1", true),
        ])
    func persistence(_ lines: String, _ version: String, _ keepsAlive: Bool) throws {
        #expect(try Self.post(lines, version: version).keepsAlive == keepsAlive)
    }

    @Test("Expect counts only with content and HTTP/1.1")
    func expectation() throws {
        #expect(try Self.post("Content-Length: 5\r\nExpect: 100-Continue\r\n").expectsContinue)
        #expect(try !Self.post("Content-Length: 0\r\nExpect: 100-continue\r\n").expectsContinue)
        #expect(try !Self.post("Content-Length: 5\r\nExpect: 100-continue\r\n", version: "1.0").expectsContinue)
    }

    @Test("an upgrade needs Upgrade, the connection option and HTTP/1.1")
    func upgrade() throws {
        #expect(try Self.post("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n").wantsUpgrade)
        #expect(try !Self.post("Upgrade: websocket\r\n").wantsUpgrade)
        #expect(try !Self.post("Connection: upgrade\r\n").wantsUpgrade)
        #expect(try !Self.post("Connection: upgrade\r\nUpgrade: websocket\r\n", version: "1.0").wantsUpgrade)
    }

    @Test("Connection names fields, known and unknown")
    func connectionNames() throws {
        let sent = try head(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-a, Cookie\r\nX-A: 1\r\nX-B: 2\r\nCookie: c\r\n\r\n")
        let named = sent.head.fields.filter { sent.head.isNamedByConnection($0, in: sent.bytes.span) }
            .map { text($0.name, of: sent.bytes) }
        #expect(named == ["X-A", "Cookie"])
    }

    @Test("Names that Connection repeats, spells otherwise or that only resemble a field's are told apart")
    func connectionNamesOnSeveralLines() throws {
        let sent = try head(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-A,,x-a , X-Bc\r\nX-a: 1\r\nX-B: 2\r\nX-BCD: 3\r\nConnection:\tx-e\r\nX-E: 4\r\nX-bc: 5\r\n\r\n"
        )
        let named = sent.head.fields.filter { sent.head.isNamedByConnection($0, in: sent.bytes.span) }
            .map { text($0.name, of: sent.bytes) }
        #expect(named == ["X-a", "X-E", "X-bc"])
    }

    @Test("A reused head forgets what the Connection of the message before named")
    func connectionNamesAreForgotten() throws {
        var head = RequestHead()
        let first = Array("GET / HTTP/1.1\r\nHost: a\r\nConnection: x-a\r\n\r\n".utf8)
        _ = try head.parse(first.span, limits: HeadLimits())
        let second = Array("GET / HTTP/1.1\r\nHost: a\r\nConnection: x-b\r\nX-A: 1\r\nX-B: 1\r\n\r\n".utf8)
        _ = try head.parse(second.span, limits: HeadLimits())
        #expect(head.fields.map { head.isNamedByConnection($0, in: second.span) } == [false, false, false, true])
    }
}

@Suite("RFC 9112 §2: heads arrive in any number of pieces")
struct PieceTests {
    static let messages = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nPOST /a?b HTTP/1.1\r\nHost: [::1]:8080\r\nContent-Length: 12\r\nConnection: x\r\nX: y\r\n\r\nbody of 12 b",
        "GET http://example.com/a/rather/long/path/for/vectors?and=a&query=too HTTP/1.1\r\nHost: a\r\nCookie: "
            + String(repeating: "c=d; ", count: 40) + "\r\n\r\n",
    ]

    @Test("byte by byte and at once are the same", arguments: messages)
    func byteByByte(_ message: String) {
        let bytes = Array(message.utf8)
        var head = RequestHead()
        let atOnce = feed(bytes, reusing: &head)
        guard case .request(let facts) = atOnce else { return #expect(Bool(false), "\(atOnce)") }
        #expect(feed(bytes, cuts: Array(0..<bytes.count), reusing: &head) == atOnce)
        for end in 0..<facts.length {
            var head = RequestHead()
            #expect(feed(Array(bytes[0..<end]), reusing: &head) == .incomplete)
        }
    }

    @Test("random cuts change nothing", arguments: messages)
    func randomCuts(_ message: String) {
        let bytes = Array(message.utf8)
        var head = RequestHead()
        let atOnce = feed(bytes, reusing: &head)
        for _ in 0..<200 {
            let cuts = (0..<Int.random(in: 1...6)).map { _ in Int.random(in: 0...bytes.count) }.sorted()
            #expect(feed(bytes, cuts: cuts, reusing: &head) == atOnce, "cuts \(cuts)")
        }
    }
}
