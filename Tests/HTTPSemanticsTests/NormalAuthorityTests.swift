import HTTPSemantics
import Testing

@Suite("RFC 3986 §6.2.3, RFC 9110 §4.2.3: the normal form of an authority")
struct NormalAuthorityTests {
    private func normal(_ text: String, isHTTPS: Bool = false) -> String {
        let bytes = Array(text.utf8)
        return string(Array(bytes[NormalAuthority.range(0..<bytes.count, in: bytes.span, isHTTPS: isHTTPS)]))
    }

    @Test(
        "A port that is empty or the scheme's default is none",
        arguments: [
            ("h", "h", "h"), ("h:", "h", "h"), ("h:80", "h", "h:80"), ("h:443", "h:443", "h"), ("h:080", "h", "h:080"),
            ("h:8080", "h:8080", "h:8080"), ("h:0", "h:0", "h:0"), ("[::1]", "[::1]", "[::1]"),
            ("[::1]:80", "[::1]", "[::1]:80"),
            ("[::80]", "[::80]", "[::80]"), ("h.:80", "h.", "h.:80"), ("", "", ""), (":", "", ""),
        ])
    func ports(text: String, http: String, https: String) {
        #expect(normal(text) == http)
        #expect(normal(text, isHTTPS: true) == https)
    }
}
