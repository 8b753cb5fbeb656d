// The scripts that change a key only while a certain value stands there. All of them compare the same way: the value begins
// with the fence's bytes. Redis keeps the compiled scripts, so that their text is all that EVAL costs beside EVALSHA, and
// nothing has to be loaded again after a restart or a failover. Each touches the keys of one slot.

import Bytes
import CacheStorage

enum FencedScripts {
    /// SET key value [PX milliseconds]: 1 if the fence stood, else 0.
    static let set: StaticString = """
        if redis.call('GETRANGE',KEYS[1],0,#ARGV[1]-1)~=ARGV[1] then return 0 end
        if ARGV[3] then redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3]) else redis.call('SET',KEYS[1],ARGV[2]) end
        return 1
        """

    /// Moves an upload, the second key, to the first: 1 if the fence stood, else 0, and the upload is gone.
    static let rename: StaticString = """
        if redis.call('GETRANGE',KEYS[1],0,#ARGV[1]-1)~=ARGV[1] then redis.call('UNLINK',KEYS[2]) return 0 end
        if ARGV[2] then redis.call('PEXPIRE',KEYS[2],ARGV[2]) else redis.call('PERSIST',KEYS[2]) end
        redis.call('RENAME',KEYS[2],KEYS[1])
        return 1
        """

    /// PEXPIRE key milliseconds: 1 if the fence stood, else 0.
    static let extend: StaticString = """
        if redis.call('GETRANGE',KEYS[1],0,#ARGV[1]-1)~=ARGV[1] then return 0 end
        return redis.call('PEXPIRE',KEYS[1],ARGV[2])
        """

    /// UNLINK key: 1 if the fence stood, else 0.
    static let remove: StaticString = """
        if redis.call('GETRANGE',KEYS[1],0,#ARGV[1]-1)~=ARGV[1] then return 0 end
        return redis.call('UNLINK',KEYS[1])
        """
}

extension ByteQueue {
    /// Begins the call of a script for the entry at `key`; so many more arguments follow.
    mutating func fencedScript(
        _ script: StaticString, _ key: CacheKey, prefix: [UInt8], and other: [UInt8]? = nil, over fence: StoreFence,
        arguments: Int
    ) {
        command((other == nil ? 5 : 6) + arguments)
        argument("EVAL")
        #if LARDER_BREAKABLE_RULES
            // The comparison is the first line.
            let script = "\(script)".drop { BreakableRule.fence.isBroken && $0 != "\n" }
            argument(String(script))
        #else
            argument(script)
        #endif
        argument(other == nil ? "1" : "2")
        argument(key, prefix: prefix)
        if let other { argument(other) }
        argument(RecordFormat.beginning(of: fence))
    }
}
