import Testing

@testable import Clients

@Suite("RFC 9113 §5.1.1: the identifiers of a client's streams")
struct StreamIdentifierTests {
    @Test("Identifiers that were passed over are never taken, those of streams that were are")
    func identifiers() {
        var identifiers = StreamIdentifiers()
        func taken(_ list: Int32...) -> [Int32] { list.filter { identifiers.place(of: $0) != .passedOver } }
        #expect(taken(1, 3, 3, 1, 9, 5, 7, 9) == [1, 3, 3, 1, 9, 9])
        // Of many gaps the last ones are remembered.
        for identifier in stride(from: Int32(13), to: 4000, by: 4) { #expect(taken(identifier) == [identifier]) }
        #expect(taken(3991, 3993) == [3993])
        identifiers.noteReset(3993)
        #expect(!identifiers.isEnded(3993) && identifiers.isEnded(3989) && !identifiers.isEnded(4001))
        // Once the client has reset it as well, nothing is on its way.
        identifiers.noteEnd(3993)
        #expect(identifiers.isEnded(3993))
        identifiers.noteReset(3993)
        for identifier in Int32(1)...256 { identifiers.noteReset(identifier) }
        #expect(identifiers.isEnded(3993))
    }
}
