// A cache key in Redis: the prefix and 32 hexadecimal digits, so that any Redis client can compute and DEL it.

import Bytes
import CacheStorage

extension ByteQueue {
    /// `prefix` and the 32 digits of `key`, as one argument of a command.
    mutating func argument(_ key: CacheKey, prefix: [UInt8]) {
        bulk(prefix.count + CacheKey.hexCount)
        append(prefix.span)
        append(digitsOf: key)
        append("\r\n")
    }

    mutating func append(digitsOf key: CacheKey) {
        for position in 0..<CacheKey.hexCount { append(key.hexDigit(at: position)) }
    }
}
