// Which counters say how often each limit was reached. Limits have the names of their configuration keys.

import HTTPWire
import Proxy

struct LimitCounter: Sendable {
    let name: StaticString
    let count: @Sendable (Counters) -> Int

    static let all: [LimitCounter] = [
        LimitCounter("head", faults: [.headTooLarge]),
        LimitCounter("fields", faults: [.tooManyFields, .tooManyConnectionOptions]),
        LimitCounter("request_line", faults: [.requestLineTooLong]),
        LimitCounter("body", faults: [.contentTooLarge], outcome: .bodyTooLarge),
        LimitCounter("chunk_extensions", faults: [.chunkExtensionsTooLong]),
        LimitCounter("trailers", faults: [.trailersTooLarge, .tooManyTrailers]),
        LimitCounter("memory", outcome: .clientOverMemory),
        LimitCounter("clients") { $0.outcomes[Int(Outcome.tooManyClients.rawValue)] + $0.turnedAway },
        LimitCounter("requests") { $0.requestsPerConnectionReached },
        LimitCounter("streams") { $0.http2.streamsRefused },
        LimitCounter("resets") { $0.http2.resetFloods },
        LimitCounter("frames") { $0.http2.frameFloods },
        LimitCounter("variants") { $0.variantsReached },
        LimitCounter("head_timeout") { $0.outcomes[Int(Outcome.headTimeout.rawValue)] + $0.http2.headsLate },
        LimitCounter("read_timeout", outcome: .bodyTimeout),
        LimitCounter("upload_rate", outcome: .bodyTooSlow),
        LimitCounter("write_timeout", outcome: .clientStalled),
        LimitCounter("idle_timeout") { $0.idleClosed },
        LimitCounter("tunnel_timeout") { $0.tunnelsTimedOut },
        LimitCounter("connect_timeout", outcome: .originConnectTimeout),
        LimitCounter("first_byte_timeout", outcome: .originTimeout),
        LimitCounter("max_connections", outcome: .originBusy),
    ]

    private init(_ name: StaticString, _ count: @escaping @Sendable (Counters) -> Int) {
        self.name = name
        self.count = count
    }

    private init(_ name: StaticString, faults: [WireError.Reason] = [], outcome: Outcome? = nil) {
        self.init(name) { counters in
            faults.reduce(outcome.map { counters.outcomes[Int($0.rawValue)] } ?? 0) {
                $0 + counters.wireFaults[Int($1.rawValue)]
            }
        }
    }
}
