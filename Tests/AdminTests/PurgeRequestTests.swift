import Testing

@testable import Admin

@Suite("Purge: what is asked for is done or refused, never less")
struct PurgeRequestTests {
    @Test("All members are read")
    func members() throws {
        let text =
            #"{"urls":["http://a/","http://b/"],"tags":["t"],"prefixes":["/p"],"hosts":["h"],"all":true,"soft":true}"#
        let purge = try PurgeRequest(Array(text.utf8))
        #expect(purge.urls == ["http://a/", "http://b/"])
        #expect(purge.tags == ["t"])
        #expect(purge.prefixes == ["/p"])
        #expect(purge.hosts == ["h"])
        #expect(purge.isOfEverything && purge.isSoft)
    }

    @Test("A member that is left out asks for nothing")
    func defaults() throws {
        let purge = try PurgeRequest(Array(#"{"urls":["http://a/"]}"#.utf8))
        #expect(purge.tags.isEmpty && purge.prefixes.isEmpty && purge.hosts.isEmpty)
        #expect(!purge.isOfEverything && !purge.isSoft)
    }

    @Test(
        "What can't be understood is refused",
        arguments: [
            "", "{", "[]", "null", "{}", #"{"urls":[]}"#, #"{"urls":"x"}"#, #"{"urls":[1]}"#, #"{"urls":[""]}"#,
            #"{"url":["http://a/"]}"#, #"{"all":false}"#, #"{"all":1}"#, #"{"hosts":"h"}"#,
            #"{"urls":["http://a/"],"soft":1}"#, #"{"urls":["http://a/"],"urls":[]}"#,
        ])
    func refusals(text: String) { #expect(throws: PurgeRequest.Fault.self) { try PurgeRequest(Array(text.utf8)) } }

    @Test("More URLs than the bound are refused")
    func bound() {
        let urls = Array(repeating: "\"http://a/\"", count: PurgeRequest.urlLimit + 1).joined(separator: ",")
        #expect(throws: PurgeRequest.Fault.self) { try PurgeRequest(Array("{\"urls\":[\(urls)]}".utf8)) }
    }
}
