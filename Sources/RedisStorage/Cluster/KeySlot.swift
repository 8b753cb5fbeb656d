// The slot of a key in Redis Cluster: CRC16 (the polynomial of XMODEM) of the key, or of what stands in its first pair of braces,
// modulo 16,384.

import CacheStorage

/// The slots of entries whose keys have one prefix.
struct KeySlots: Sendable {
    /// The checksum of the prefix, with which that of each key begins.
    private let beginning: UInt16
    /// The slot of all keys, where the prefix has a pair of braces.
    private let common: Int?

    static let count = 16_384

    init(prefix: [UInt8]) {
        let tag = Self.hashed(prefix[...])
        common = tag.count == prefix.count ? nil : Self.slot(of: prefix)
        beginning = Self.checksum(prefix[...], after: 0)
    }

    func slot(of key: CacheKey) -> Int {
        if let common { return common }
        var sum = beginning
        for position in 0..<CacheKey.hexCount { sum = Self.step(sum, key.hexDigit(at: position)) }
        return Int(sum) % Self.count
    }

    static func slot(of key: [UInt8]) -> Int { Int(checksum(hashed(key[...]), after: 0)) % count }

    /// What of a key decides: all of it, unless the first opening brace has a closing one after it, with something in between.
    static func hashed(_ key: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let open = key.firstIndex(of: UInt8(ascii: "{")) else { return key }
        let rest = key[(open + 1)...]
        guard let close = rest.firstIndex(of: UInt8(ascii: "}")), close > rest.startIndex else { return key }
        return rest[..<close]
    }

    static func checksum(_ bytes: ArraySlice<UInt8>, after start: UInt16) -> UInt16 {
        bytes.reduce(start, step)
    }

    private static func step(_ sum: UInt16, _ byte: UInt8) -> UInt16 {
        sum << 8 ^ table[Int(sum >> 8) ^ Int(byte)]
    }

    private static let table: [UInt16] = (0..<256).map { index in
        (0..<8).reduce(UInt16(index) << 8) { sum, _ in sum & 0x8000 == 0 ? sum << 1 : sum << 1 ^ 0x1021 }
    }
}
