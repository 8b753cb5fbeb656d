import Bytes
import Testing

@testable import HTTPWire

@Suite("Fields that a route leaves out")
struct FieldRemovalTests {
    private func removal(_ names: String...) -> FieldRemoval { FieldRemoval(names.map { Array($0.utf8) })! }

    private func contains(_ removal: FieldRemoval, _ name: String) -> Bool {
        let bytes = Array(name.utf8)
        return removal.contains(bytes.span)
    }

    private func rest(_ head: String, _ removal: FieldRemoval) -> String {
        String(decoding: removal.remaining(of: Array(head.utf8)), as: UTF8.self)
    }

    @Test("names are compared without regard to case, and `_` is `-`")
    func names() {
        let removal = removal("X-Powered-By", "server")
        for name in ["X-Powered-By", "x-powered-by", "X_POWERED-BY", "Server", "SERVER"] {
            #expect(contains(removal, name), "\(name)")
        }
        for name in ["", "X", "X-Powered-B", "X-Powered-By2", "Servers", "erver", "X-Powered By"] {
            #expect(!contains(removal, name), "\(name)")
        }
        #expect(FieldRemoval([]) == nil)
    }

    @Test("a head is copied but for their lines, be they first, last, side by side or alone")
    func heads() {
        let removal = removal("A", "bb", "HTTP")
        let status = "HTTP/1.1 200 a: b\r\n"
        #expect(rest(status, removal) == status)
        #expect(rest(status + "a: 1\r\nBB: 2\r\nC: a: 3\r\n", removal) == status + "C: a: 3\r\n")
        #expect(rest(status + "C: 1\r\na:\r\nb: 2\r\nbb: 3\r\n", removal) == status + "C: 1\r\nb: 2\r\n")
        #expect(rest("a: 1\r\n", removal) == "")
        #expect(rest("a", removal) == "a")
        #expect(rest("", removal) == "")
    }
}
