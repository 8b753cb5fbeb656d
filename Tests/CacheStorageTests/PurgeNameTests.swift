import Testing

@testable import CacheStorage

private func tag(_ name: String) -> PurgeName { .tag(name.utf8.span) }

private func group(
    _ name: String, _ scheme: String = "http", _ authority: String = "api.example"
) -> PurgeName {
    .group(name.utf8.span, of: GroupOrigin(scheme: scheme.utf8.span, authority: authority.utf8.span))
}

@Suite("The names of what is purged")
struct PurgeNameTests {
    @Test(
        "RFC 9875 §2.1, RFC 9110 §4.2.3: a group belongs to one origin, whose authority has the normal form of keys",
        arguments: ["API.Example", "api.example:80", "api.example:", "Api.example:0080"])
    func origins(authority: String) {
        #expect(group("news") == group("news", "http", authority))
        #expect(group("news", "https") == group("news", "https", authority.replacing("80", with: "443")))
    }

    @Test("A group's scheme, port and name are its own")
    func groups() {
        let own = group("news")
        #expect(own != group("news", "http", "api.example:443"))
        #expect(group("news", "https") != group("news", "https", "api.example:80"))
        #expect(own != group("News"))
        #expect(own != group("news", "https"))
        #expect(own != group("news", "http", "api.example:8080"))
    }

    @Test("No tag has the name of a group, nor another tag's")
    func tags() {
        #expect(tag("news") != group("news"))
        #expect(tag("ghttp api.example news") != group("news"))
        #expect(tag("a") != tag("A"))
    }

    @Test("Names that differ by a zero byte at their end, in their length or in one bit are not the same")
    func close() {
        var names: Set<PurgeName> = []
        var count = 0
        for length in 0..<40 {
            let zeros = [UInt8](repeating: 0, count: length)
            names.insert(.tag(zeros.span))
            count += 1
            for place in zeros.indices {
                for bit in 0..<8 {
                    var bytes = zeros
                    bytes[place] = 1 << bit
                    names.insert(.tag(bytes.span))
                    count += 1
                }
            }
        }
        #expect(names.count == count)
    }
}
