// Serialises Redis commands (RESP2: an array of bulk strings) directly into the output. It allocates nothing itself and
// doesn't interpret commands.

import Bytes

#if LARDER_BREAKABLE_RULES
    import CacheStorage
#endif

extension ByteQueue {
    /// Begins a command with this number of arguments, including its name.
    mutating func command(_ arguments: Int) {
        append(0x2A)
        append(decimal: arguments)
        append("\r\n")
    }

    /// AUTH.
    /// - Parameter user: nil for Redis's default user.
    mutating func authenticate(user: String?, password: String) {
        command(user == nil ? 2 : 3)
        argument("AUTH")
        if let user { argument(user) }
        argument(password)
    }

    /// SELECT.
    mutating func select(_ database: Int) {
        command(2)
        argument("SELECT")
        argument(decimal: database)
    }

    /// AUTH and SELECT, as far as they are needed: ``RedisSettings/greetingReplies`` statuses are the reply.
    mutating func greet(_ settings: RedisSettings) {
        if let password = settings.password { authenticate(user: settings.user, password: password) }
        if settings.database != 0 { select(settings.database) }
    }

    /// Begins the call of a script; so many arguments follow.
    mutating func script(_ script: StaticString, _ keys: [[UInt8]], arguments: Int) {
        command(3 + keys.count + arguments)
        argument("EVAL")
        #if LARDER_BREAKABLE_RULES
            let text = "\(script)"
            argument(BreakableRule.epoch.isBroken ? text.replacing("run_id:", with: "-") : text)
        #else
            argument(script)
        #endif
        argument(decimal: keys.count)
        for key in keys { argument(key) }
    }

    mutating func argument(_ text: StaticString) {
        bulk(text.utf8CodeUnitCount)
        append(text)
        append("\r\n")
    }

    mutating func argument(_ bytes: Span<UInt8>) {
        bulk(bytes.count)
        append(bytes)
        append("\r\n")
    }

    mutating func argument(_ bytes: [UInt8]) {
        argument(bytes.span)
    }

    mutating func argument(_ text: String) {
        argument(Array(text.utf8))
    }

    mutating func argument(decimal number: Int) {
        var digits = 1
        var bound = 10
        while digits < 19 && number >= bound {
            digits += 1
            bound &*= 10
        }
        bulk(digits)
        append(decimal: number)
        append("\r\n")
    }

    /// Begins a bulk string of `count` bytes; the caller appends those and CRLF.
    mutating func bulk(_ count: Int) {
        append(0x24)
        append(decimal: count)
        append("\r\n")
    }
}
