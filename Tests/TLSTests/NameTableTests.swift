import Testing

@testable import TLS

@Suite("Which certificate is for a host")
struct NameTableTests {
    private var table: NameTable {
        var table = NameTable()
        table.add(["example.com", "*.example.com"], 0)
        table.add(["api.example.com", "*.deep.example.com", "example.com"], 1)
        return table
    }

    @Test(
        "RFC 6066 §3, RFC 6125 §6.4.3: the exact name first, then the wildcard for one label, in any case",
        arguments: [
            ("example.com", 0), ("EXAMPLE.com.", 0), ("www.example.com", 0), ("api.example.com", 1),
            ("API.Example.Com", 1), ("x.deep.example.com", 1), ("a.b.example.com", nil), ("example.org", nil),
            ("", nil),
            (".example.com", nil), ("com", nil), ("*.example.com", 0),
        ] as [(String, Int?)])
    func choice(host: String, index: Int?) { #expect(table.index(for: host) == index) }
}
