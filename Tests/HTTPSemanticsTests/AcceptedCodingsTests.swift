import Bytes
import TestSupport
import Testing

@testable import HTTPSemantics

@Suite("RFC 9110 §12.5.3 Accept-Encoding")
struct AcceptedCodingsTests {
    private func accepted(_ lines: [String]) -> AcceptedCodings {
        var accepted = AcceptedCodings()
        for line in lines {
            let value = Array(line.utf8)
            accepted.add(value.span)
        }
        return accepted
    }

    private func reduced(_ lines: String...) -> String {
        var text: [UInt8] = []
        accepted(lines).append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    @Test(
        "Spellings of one meaning have one form",
        arguments: [
            ("gzip, deflate, br, zstd", "br, gzip, zstd"), ("gzip,deflate,br", "br, gzip"), ("GZIP;Q=1.000", "gzip"),
            ("gzip;q=1.0, *;q=0.5", "br, gzip, zstd"),
            ("x-gzip", "gzip"), ("*", "br, gzip, zstd"), ("*;q=0.1", "br, gzip, zstd"),
            ("br;q=0, *", "gzip, zstd"), ("deflate", "deflate"), ("deflate, gzip;q=0", "deflate"),
            ("dcb, dcz, br", "br"), (",, br ,", "br"), ("gzip;q=0.001", "gzip"),
        ])
    func forms(value: String, form: String) { #expect(reduced(value) == form) }

    @Test(
        "What is excluded, or liked less than no coding at all, isn't accepted",
        arguments: [
            ("", "identity"), ("identity", "identity"), ("gzip;q=0", "identity"), ("compress", "identity"),
            ("identity, gzip;q=0.5", "identity"), ("identity;q=0.5, gzip", "gzip"),
            ("identity;q=0", "identity;q=0"), ("*;q=0", "identity;q=0"), ("gzip, *;q=0", "gzip, identity;q=0"),
            ("gzip, identity;q=0.0", "gzip, identity;q=0"), ("identity;q=0.5, *;q=0", "identity"),
            ("gzip, gzip;q=0", "identity"), ("*;q=0.2, gzip;q=0.1", "br, zstd"),
        ])
    func exclusions(value: String, form: String) { #expect(reduced(value) == form) }

    @Test(
        "Members that aren't valid are skipped",
        arguments: ["gzip;q=2", "gzip;q=x", "gzip;level=1", "gzip br", "gzip;"])
    func invalid(value: String) { #expect(reduced(value + ", br") == "br") }

    @Test("Several lines are one list, and none is no field")
    func lines() {
        #expect(reduced("gzip", "br") == "br, gzip")
        #expect(reduced() == "")
        #expect(!accepted([]).refusesIdentity)
    }

    @Test("The reduced form reduces to itself, whatever it was made of")
    func idempotent() {
        let members = ["gzip", "br", "zstd", "deflate", "identity", "*", "x-gzip", "compress"]
        let weights = ["", ";q=0", ";q=0.5", ";q=1"]
        var state: UInt64 = 42
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<5000 {
            let value = (0..<next(6)).map { _ in members[next(members.count)] + weights[next(weights.count)] }
                .joined(separator: ", ")
            let once = reduced(value)
            #expect(reduced(once) == once, "\(value)")
            let (before, after) = (accepted([value]), accepted([once]))
            #expect(before.refusesIdentity == after.refusesIdentity, "\(value)")
            for coding in ContentCoding.allCases {
                #expect(before.accepts(coding) == after.accepts(coding), "\(value): \(coding)")
            }
        }
    }

    @Test("A list that no client sends is read up to a bound, and no member half")
    func long() {
        let padding = String(repeating: "x,", count: 2046)
        #expect(reduced(padding + "br, gzip;q=0") == "br")
        #expect(reduced(String(repeating: "a,", count: 16 << 10) + "br") == "identity")
    }

    @Test(
        "The best coding of those that are offered: the client's weights first, then the order in which they are offered",
        arguments: [
            ("gzip, deflate, br, zstd", ContentCoding.zstd), ("gzip, br", .br), ("gzip;q=0.9, br;q=0.1", .gzip),
            ("*", .zstd), ("zstd;q=0, *", .br), ("gzip;q=0.5, identity;q=0", .gzip), ("identity, gzip;q=0.9", nil),
            ("", nil), ("identity", nil), ("deflate", nil), ("*;q=0", nil),
        ])
    func preferred(value: String, coding: ContentCoding?) {
        #expect(accepted([value]).preferred(among: [.zstd, .br, .gzip]) == coding)
    }

    @Test("Without the field nothing is chosen")
    func absent() { #expect(accepted([]).preferred(among: [.gzip]) == nil) }
}
