import Glibc
import Testing

@testable import Proxy

@Suite("The event log")
struct EventLogTests {
    @Test("Lines that don't fit are lost, said to be lost, and make nobody wait")
    func loss() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let log = EventLog(level: .info, isJournal: true, descriptor: ends[1], waitingLimit: 8 << 10)
        let line = String(repeating: "x", count: 1000)
        for _ in 0..<100 { log.write(.info, line) }
        log.write(.debug, "not of this level")
        // Whenever nothing comes, one more line is tried, until one came through.
        var said = ""
        var tries = 0
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        while !said.contains("again\n") {
            var readable = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
            if poll(&readable, 1, 50) == 0 {
                try #require(tries < 100)
                tries += 1
                log.write(.notice, "again")
            } else {
                let count = read(ends[0], &bytes, bytes.count)
                try #require(count > 0)
                said += String(decoding: bytes[..<count], as: UTF8.self)
            }
        }
        let lines = said.split(separator: "\n")
        let losses = lines.filter { $0.hasPrefix("<4>") && $0.hasSuffix("lost: writing was too slow, or failed") }
        let lost = losses.reduce(0) { $0 + (Int($1.dropFirst(3).prefix { $0.isNumber }) ?? 0) }
        #expect(lost >= 20)
        #expect(lost + lines.count - losses.count == 100 + tries, "\(lines)")
        #expect(lines.allSatisfy { $0 == "<6>\(line)" || $0 == "<5>again" || losses.contains($0) })
    }
}
