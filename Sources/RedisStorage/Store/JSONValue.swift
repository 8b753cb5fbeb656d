// Values that are JSON alone, as other programs read and write them with GET and SETEX. A reader needs the value and what is
// left of its life at one moment, so both are the reply of one script.

import Bytes
import CacheStorage
import HTTPCaching

/// The reply to the script: what is left of the life, and the content.
struct JSONValue {
    /// A lookup's command: EVAL, with one key and how much is read. What is no string is no entry, and no failure of Redis's.
    static let script: StaticString = """
        local v=redis.pcall('GETRANGE',KEYS[1],0,ARGV[1])
        if type(v)=='table' then if string.find(v.err,'WRONGTYPE',1,true) then return '!' end return v end
        if v=='' then return v end
        return redis.call('PTTL',KEYS[1])..' '..v
        """
    /// The last byte that is read, which only a value that is too large has.
    static let lastByte = JSONEntry.limit

    /// In milliseconds; nil for a value that never expires.
    let left: Int64?
    /// Where the content begins.
    let start: Int

    /// What the value begins with, of a reply that may be no entry.
    static func mark(_ reply: Span<UInt8>) -> ValueMark {
        let space = reply.firstIndex(of: UInt8(ascii: " "), in: reply.indices)
        return ValueMark(reply.extracting((space.map { $0 + 1 } ?? 0)..<reply.count))
    }

    /// Nil if `reply` isn't one of the script's with a value that may be an entry.
    init?(_ reply: Span<UInt8>) {
        // A life has up to nineteen digits, and perhaps a sign.
        let isNegative = reply.count > 0 && reply[0] == UInt8(ascii: "-")
        let first = isNegative ? 1 : 0
        guard let space = reply.firstIndex(of: UInt8(ascii: " "), in: 0..<min(reply.count, 25)), space > first,
            let digits = Decimal.value(reply.extracting(first..<space)), let number = Int64(exactly: digits)
        else { return nil }
        left = isNegative ? nil : number
        start = space + 1
        let content = reply.extracting(start..<reply.count)
        guard content.count <= JSONEntry.limit, JSONEntry.mayBeJSON(content) else { return nil }
    }
}
