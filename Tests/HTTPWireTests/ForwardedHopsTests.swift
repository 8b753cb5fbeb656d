import Bytes
import HTTPSemantics
import TestRandomness
import Testing

@testable import HTTPWire

@Suite("RFC 7239, X-Forwarded-For: whom the proxies in front name")
struct ForwardedHopsTests {
    /// The nodes, the nearest first; `-` for one that can't be read.
    private func hops(_ fields: String) throws -> [String] {
        let message = try head("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n")
        let bytes = message.bytes.span
        var hops = ForwardedHops(of: message.head)
        var found: [String] = []
        while let hop = hops.next(in: message.head.fields, bytes) {
            found.append(hop.isEmpty ? "-" : bytes.extracting(hop).text())
        }
        return found
    }

    @Test(
        "the nearest hop comes first, across lines; empty elements are skipped",
        arguments: [
            ("X-Forwarded-For: a", ["a"]), ("X-Forwarded-For: a, b ,c", ["c", "b", "a"]),
            ("X-Forwarded-For: a, b\r\nX-Other: x\r\nX-Forwarded-For: c,d", ["d", "c", "b", "a"]),
            ("X-Forwarded-For: ,, a , ,b,", ["b", "a"]), ("X-Forwarded-For:", []), ("X-Other: a", []),
            ("X-Forwarded-For: \"a, b", ["b", "\"a"]),
            ("Forwarded: for=x\r\nX-Forwarded-For: a\r\nForwarded: for=y", ["a"]),
        ])
    func order(_ fields: String, _ expected: [String]) throws { #expect(try hops(fields) == expected) }

    @Test(
        "of Forwarded, the value of `for` counts, quoted or not",
        arguments: [
            ("for=192.0.2.43, For=\"[2001:db8::1]:4711\"", ["[2001:db8::1]:4711", "192.0.2.43"]),
            ("proto=https;for=a;by=b", ["a"]), ("by=\"x;for=z,for=q\" ; FOR=a", ["a"]), ("for=a;for=b", ["-"]),
            ("proto=http", ["-"]), ("for=, for=\"\"", ["-", "-"]), ("for=\"", ["-"]), ("for=\"a\\b\"", ["-"]),
            ("for=unknown, for=_hidden", ["_hidden", "unknown"]),
        ])
    func nodes(_ value: String, _ expected: [String]) throws { #expect(try hops("Forwarded: \(value)") == expected) }

    @Test(
        "what a client wrote doesn't change how appended elements are read",
        arguments: ["\"", "for=\"x", "for=\"x\\", "for=\"x\\\\\\", ",,\"", "for=\"a\", for=\"", "\\\"", "\"\"\""])
    func unbalanced(_ forged: String) throws {
        #expect(
            try hops("Forwarded: \(forged), for=\"[2001:db8::2]\", for=10.0.0.1").prefix(2) == [
                "10.0.0.1", "[2001:db8::2]",
            ])
    }

    @Test(
        "RFC 7239 §5.4: https where the first element of Forwarded says so",
        arguments: [
            ("Forwarded: proto=https", true), ("Forwarded: for=a;PROTO=HTTPS;host=b", true),
            ("Forwarded: proto=http", false),
            ("Forwarded: for=a;proto=\"https\"", true), ("Forwarded: for=a;proto=https, for=b;proto=http", true),
            ("Forwarded: for=a;proto=http, for=b;proto=https", false), ("Forwarded: for=a, for=b;proto=https", false),
            ("Forwarded: proto=https\r\nForwarded: proto=http", true),
            ("Forwarded: proto=http\r\nForwarded: proto=https", false),
            ("Forwarded: proto=https;proto=https", false), ("Forwarded: xproto=https", false), ("Forwarded:", false),
            ("X-Forwarded-For: proto=https", false),
        ])
    func scheme(_ fields: String, _ isHTTPS: Bool) throws {
        let message = try head("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n")
        #expect(message.head.isForwardedAsHTTPS(in: message.bytes.span) == isHTTPS)
    }

    @Test("no value traps, and every hop lies within its line")
    func random() throws {
        var generator = SeededGenerator(seed: 7)
        let letters = Array("for=\"\\,; a1:[]".utf8)
        for _ in 0..<3000 {
            let count = Int.random(in: 0..<40, using: &generator)
            let value = (0..<count).map { _ in letters.randomElement(using: &generator)! }
            let text = String(decoding: value, as: UTF8.self)
            #expect(try hops("Forwarded: \(text)\r\nForwarded: \(text)").count <= 2 * (count + 1))
            #expect(try hops("X-Forwarded-For: \(text)").count <= count + 1)
        }
    }
}

@Suite("RFC 9209 §2.3.32: loops")
struct LoopTests {
    private func hasPassed(_ fields: String) throws -> Bool {
        let message = try head("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n")
        return message.head.hasPassed("larder-00ff".utf8.span, in: message.bytes.span)
    }

    @Test(
        "a request that names this gateway in Via has passed it, whatever stands around",
        arguments: [
            "Via: 1.1 larder-00ff", "Via: 1.0 a, 1.1 larder-00ff, 1.1 b",
            "Via: 1.1 a\r\nVia: HTTP/1.1 \t Larder-00FF (comment)",
            "Via: 1.1 a (\", 1.1 larder-00ff", "Via: ,,1.1 larder-00ff,",
        ])
    func passed(_ fields: String) throws { #expect(try hasPassed(fields)) }

    @Test(
        "another gateway's name is not this one's",
        arguments: [
            "Via: 1.1 larder", "Via: 1.1 larder-00fe", "Via: 1.1 larder-00ff0", "Via: larder-00ff",
            "Via: 1.1 a (larder-00ff)", "Via:",
            "X-Via: 1.1 larder-00ff",
        ])
    func others(_ fields: String) throws { #expect(try !hasPassed(fields)) }
}
