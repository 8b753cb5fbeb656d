import Testing

@testable import HTTP2Wire

@Suite("RFC 9113 §8.1 Trailer sections")
struct TrailerFieldsTests {
    @Test("Trailers have no pseudo-fields, and none of what belongs in a head")
    func trailers() {
        var lines: [UInt8] = []
        #expect(TrailerFields.append("x-sum".utf8.span, "1".utf8.span, to: &lines))
        #expect(TrailerFields.append("content-length".utf8.span, "1".utf8.span, to: &lines))
        #expect(!TrailerFields.append(":path".utf8.span, "/".utf8.span, to: &lines))
        #expect(!TrailerFields.append("x".utf8.span, "1\r\ny: 2".utf8.span, to: &lines))
        #expect(lines == Array("x-sum: 1\r\n".utf8))
    }
}
