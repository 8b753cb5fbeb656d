import Foundation
import Testing

@testable import Admin

@Suite("RFC 8259: JSON that is written and read here")
struct JSONTests {
    @Test("What is written is read back by another reader")
    func writing() throws {
        let awkward = "\"\\ \n\r\t\u{0}\u{1F}\u{7F}</script>\u{2028}ä😀"
        var writer = JSONWriter()
        writer.object {
            $0.member("text", awkward)
            $0.member("number", -42)
            $0.member("flag", true)
            $0.null("nothing")
            $0.array("empty") { _ in }
            $0.array("list") {
                $0.value(1)
                $0.value("two")
                $0.object { $0.member("three", 3) }
                $0.object { _ in }
            }
            $0.object("nested") { $0.object("deeper") { $0.member("last", false) } }
        }
        let bytes = writer.finished()
        let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        #expect(object["text"] as? String == awkward)
        #expect(object["number"] as? Int == -42)
        #expect(object["nothing"] is NSNull)
        #expect((object["list"] as? [Any])?.count == 4)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("</"))
        #expect(try JSONValue(bytes) == JSONValue(Array(JSONSerialization.data(withJSONObject: object))))
    }

    @Test(
        "Values are read as they are meant",
        arguments: [
            (" null ", JSONValue.null), ("true", .bool(true)), ("-1.5e+3", .number("-1.5e+3")), ("0", .number("0")),
            (#""a\u00e4\ud83d\ude00\/\n""#, .string("aä😀/\n")), ("[]", .array([])),
            (#"{"a":[1,{"b":null}]}"#, .object(["a": .array([.number("1"), .object(["b": .null])])])),
        ])
    func reading(text: String, value: JSONValue) throws { #expect(try JSONValue(Array(text.utf8)) == value) }

    @Test(
        "Whatever the grammar doesn't have is refused",
        arguments: [
            "", " ", "{", "[1,]", "{,}", #"{"a":1,}"#, #"{"a" 1}"#, "{a:1}", "01", "1.", ".5", "+1", "- 1", "1e", "tru",
            "nul",
            "'a'", "\"a", "\"\n\"", #""\x""#, #""\u12""#, #""\ud83d""#, #""\udc00""#, "[1] 2", "NaN", "//", "[1 2]",
            #"{"a":1,"a":2}"#, String(repeating: "[", count: 100), "\"\u{1}\"",
        ])
    func refusing(text: String) { #expect(throws: JSONValue.Fault.self) { try JSONValue(Array(text.utf8)) } }

    @Test("Bytes that are no UTF-8 are refused")
    func encoding() { #expect(throws: JSONValue.Fault.self) { try JSONValue([0x22, 0xC3, 0x28, 0x22]) } }
}
