import Foundation

// A stand-in for Redis that replies as no Redis would, where a test says so. Everything else it does as Redis does: the
// few commands that a store needs, without lifetimes.

package final class ScriptedRedis: Sendable {
    /// The reply to a command instead of the proper one.
    private struct Script: Sendable {
        var first: Int
        var reply: String
    }

    private struct State: Sendable {
        var values: [String: [UInt8]] = [:]
        var scripts: [String: Script] = [:]
        var counts: [String: Int] = [:]
        /// Commands that get no reply yet, from that occurrence on, nor does what comes behind them.
        var holds: [String: Int] = [:]
        var connections: [Socket] = []
        var isStopped = false
    }

    package let port: UInt16
    private let listener: Socket
    private let state = Locked(State())

    package init() throws {
        listener = try Socket(listeningOn: .port(0))
        port = listener.localPort
        onThread { [self] in
            while let socket = try? listener.accept() {
                let isStopped = state.withLock { state in
                    state.connections.append(socket)
                    return state.isStopped
                }
                if isStopped { break }
                onThread { [self] in try? serve(socket) }
            }
        }
    }

    /// As written in a configuration.
    package var url: String { "redis://127.0.0.1:\(port)/0" }

    /// Replies to `command` with these bytes, from its next occurrence on, or from a later one.
    /// - Parameter occurrence: 1 is the next one.
    package func script(_ command: String, from occurrence: Int = 1, _ reply: String) {
        state.withLock { state in
            state.scripts[command] = Script(first: (state.counts[command] ?? 0) + occurrence, reply: reply)
        }
    }

    /// Keeps `command` waiting, from an occurrence on, and what comes behind it on its connection.
    /// - Parameter occurrence: 1 is the very first one; nil lets all go on.
    package func hold(_ command: String, from occurrence: Int?) {
        state.withLock { $0.holds[command] = occurrence }
    }

    /// Replies as Redis does again.
    package func clearScripts() { state.withLock { $0.scripts = [:] } }

    /// How often `command` came so far.
    package func count(of command: String) -> Int { state.withLock { $0.counts[command] ?? 0 } }

    package var keys: [String] { state.withLock { Array($0.values.keys) } }

    package func stop() {
        state.withLock { state in
            state.isStopped = true
            for socket in state.connections { socket.interrupt() }
        }
        listener.interrupt()
    }

    private func onThread(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.stackSize = 512 << 10
        thread.start()
    }

    private func serve(_ socket: Socket) throws {
        socket.set(timeout: 60)
        var buffer: [UInt8] = []
        while true {
            while let command = Self.takeCommand(from: &buffer) {
                while isHeld(command) { usleep(1000) }
                try socket.send(reply(to: command))
            }
            let bytes = try socket.receive()
            if bytes.isEmpty { return }
            buffer += bytes
        }
    }

    private func isHeld(_ command: [[UInt8]]) -> Bool {
        let word = String(decoding: command[0], as: UTF8.self)
        return state.withLock { state in
            guard !state.isStopped, let first = state.holds[word] else { return false }
            return state.counts[word, default: 0] + 1 >= first
        }
    }

    /// Removes a whole command from the front of what has arrived.
    private static func takeCommand(from buffer: inout [UInt8]) -> [[UInt8]]? {
        var position = 0
        func number() -> Int? {
            guard let end = buffer[position...].firstIndex(of: 0x0A) else { return nil }
            defer { position = end + 1 }
            return Int(String(decoding: buffer[(position + 1)..<(end - 1)], as: UTF8.self))
        }
        guard let count = number() else { return nil }
        var arguments: [[UInt8]] = []
        for _ in 0..<count {
            guard let length = number(), position + length + 2 <= buffer.count else { return nil }
            arguments.append(Array(buffer[position..<(position + length)]))
            position += length + 2
        }
        buffer.removeFirst(position)
        return arguments
    }

    private func reply(to command: [[UInt8]]) -> [UInt8] {
        var words = command.map { String(decoding: $0.prefix(200), as: UTF8.self) }
        // The exchange of purges goes on by itself.
        if words[0] == "EVAL", words[1].contains("'TIME'") { words[0] = "a sign of life" }
        return state.withLock { state in
            let count = (state.counts[words[0]] ?? 0) + 1
            state.counts[words[0]] = count
            if let script = state.scripts[words[0]], count >= script.first { return Array(script.reply.utf8) }
            return Self.properReply(to: command, words, &state.values)
        }
    }

    /// The scripts of a store: something happens to the first key if its value begins with the first argument.
    private static func runsScript(
        _ command: [[UInt8]], _ words: [String], _ values: inout [String: [UInt8]]
    ) -> Bool {
        let (script, key, keys) = (String(decoding: command[1], as: UTF8.self), words[3], Int(words[2]) ?? 0)
        let fence = command[3 + keys]
        guard values[key, default: []].starts(with: fence), !fence.isEmpty || values[key, default: []].isEmpty else {
            return false
        }
        if script.contains("RENAME") {
            values[key] = values.removeValue(forKey: words[4])
        } else if script.contains("UNLINK") {
            values[key] = nil
        } else if script.contains("'SET'") {
            values[key] = command[4 + keys]
        }
        return true
    }

    private static func properReply(
        to command: [[UInt8]], _ words: [String], _ values: inout [String: [UInt8]]
    ) -> [UInt8] {
        func text(_ reply: String) -> [UInt8] { Array("\(reply)\r\n".utf8) }
        switch words[0] {
        case "PING": return text("+PONG")
        case "AUTH", "SELECT": return text("+OK")
        case "a sign of life":
            let now = "\(Int64(Date().timeIntervalSince1970 * 1000))"
            return text("*6\r\n$\(now.count)\r\n\(now)\r\n$3\r\ne:0\r\n$3\r\n0-0\r\n$3\r\n0-0\r\n:0\r\n*0")
        case "XREAD": return text("*-1")
        case "SET":
            if words.contains("NX"), values[words[1]] != nil { return text("$-1") }
            values[words[1]] = command[2]
            return text("+OK")
        case "APPEND":
            values[words[1], default: []] += command[2]
            return text(":\(values[words[1]]!.count)")
        case "GETRANGE":
            let value = values[words[1]] ?? []
            let part = value.dropFirst(Int(words[2]) ?? 0).prefix((Int(words[3]) ?? 0) - (Int(words[2]) ?? 0) + 1)
            return text("$\(part.count)") + part + text("")
        case "PEXPIRE", "PERSIST": return text(values[words[1]] == nil ? ":0" : ":1")
        case "RENAME":
            guard let value = values.removeValue(forKey: words[1]) else { return text("-ERR no such key") }
            values[words[2]] = value
            return text("+OK")
        case "UNLINK": return text(":\(words.dropFirst().count { values.removeValue(forKey: $0) != nil })")
        case "EVAL": return text(":\(Self.runsScript(command, words, &values) ? 1 : 0)")
        default: return text("-ERR unknown command '\(words[0])'")
        }
    }
}
