import Bytes
import Testing

@testable import HTTPCaching

@Suite("RFC 9110 §12.5.5: lists of names that responses vary by")
struct VaryListsTests {
    private func list(_ names: String...) -> String { string(VaryLists.list(of: names.map { Array($0.utf8) })) }

    private func adding(_ names: String, to lists: String) -> String? {
        VaryLists.adding(names.utf8.span, to: lists.utf8.span).map { string($0) }
    }

    private func place(_ names: String, _ lists: String) -> Int? {
        VaryLists.place(of: names.utf8.span, in: lists.utf8.span)
    }

    @Test("A list has its names in order, each once, in lower case", .tags(.should))
    func normal() {
        #expect(list("Origin", "Accept-Encoding") == "accept-encoding,origin")
        #expect(list("accept-encoding", "ORIGIN", "Accept-Encoding") == "accept-encoding,origin")
        #expect(list("a") == "a" && list() == "")
    }

    @Test("Lists are found as sets of names, however they were written", .tags(.should))
    func sets() {
        #expect(place("a,b", "a,b") == 0 && place("a,b", "b,a") == 0 && place("a,b", "b,A") == 0)
        #expect(place("a", "a,b\na") == 1 && place("b", "a,b\na") == nil && place("a,b,c", "a,b\na") == nil)
    }

    @Test(
        "A list that contains the others or is contained in them is added, the largest first", .tags(.choice),
        arguments: [
            ("a,b", "a", "a,b\na"), ("a", "a,b", "a,b\na"), ("a,b", "a,b,c\na", "a,b,c\na,b\na"),
            ("a,b", "b,a", "b,a"), ("a", "a,b\na", "a,b\na"), ("a,b,c", "a,b\nb", "a,b,c\na,b\nb"),
        ])
    func added(names: String, lists: String, all: String) { #expect(adding(names, to: lists) == all) }

    @Test(
        "One that neither contains nor is contained in each of them is not", .tags(.choice),
        arguments: [("a", "b"), ("a,b", "b,c"), ("b", "a,b\na"), ("a,c", "a,b\na")])
    func unrelated(names: String, lists: String) { #expect(adding(names, to: lists) == nil) }

    @Test("Of too many the one at the other end goes", .tags(.choice))
    func bounded() {
        let lists = "a,b,c,d\na,b,c\na,b\na"
        #expect(adding("a,b,c,d,e", to: lists) == "a,b,c,d,e\na,b,c,d\na,b,c\na,b")
        let larger = "a,b,c,d,e\na,b,c,d\na,b,c\na,b"
        #expect(adding("a", to: larger) == "a,b,c,d\na,b,c\na,b\na")
    }

    @Test("Every list is found again by its place", .tags(.choice))
    func ranges() {
        let lists = "a,b,c\na,b\na"
        let found = (0..<VaryLists.count(in: lists.utf8.span)).map { place in
            string(lists.utf8.span.extracting(VaryLists.range(of: place, in: lists.utf8.span)).copied())
        }
        #expect(found == ["a,b,c", "a,b", "a"])
    }

    @Test("Lists of thousands of names are compared as they are written, in little time", .tags(.choice))
    func long() {
        let names = (0..<3_000).map { "x-\($0)" }.joined(separator: ",")
        let other = (1..<3_001).map { "x-\($0)" }.joined(separator: ",")
        #expect(place(names, names) == 0 && place(names, other) == nil && adding(other, to: names) == nil)
    }
}
