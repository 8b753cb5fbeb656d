// Where a node of a Redis Cluster sends who asks for a key that it doesn't have: `MOVED slot host:port` and `ASK slot host:port`.

import CacheStorage

/// Nothing is known of the address but that it could be one.
struct Redirection: Sendable, Equatable {
    let slot: Int
    /// The host is empty where the node doesn't know it: then it is that of the node itself.
    let address: MasterAddress

    /// The text of the error reply; nil if it isn't a redirection.
    init?(_ text: Span<UInt8>) {
        // No host is longer.
        guard text.count <= 512 else { return nil }
        let words = text.copied().split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3, words[0].elementsEqual("MOVED".utf8) || words[0].elementsEqual("ASK".utf8),
            let slot = Int(String(decoding: words[1], as: UTF8.self)), 0..<KeySlots.count ~= slot,
            let colon = words[2].lastIndex(of: UInt8(ascii: ":")),
            let port = UInt16(String(decoding: words[2][(colon + 1)...], as: UTF8.self)), port > 0
        else { return nil }
        let host = words[2][..<colon]
        guard host.isEmpty || SlotMap.host(host) != nil else { return nil }
        self.slot = slot
        address = MasterAddress(host: String(decoding: host, as: UTF8.self), port: port)
    }

    /// - Parameter asked: the node that sends there.
    func address(from asked: MasterAddress) -> MasterAddress {
        address.host.isEmpty ? MasterAddress(host: asked.host, port: address.port) : address
    }
}
