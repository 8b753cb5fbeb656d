import Configuration
import EventLoop
import Foundation
import HTTPSemantics
import HTTPWire
import Synchronization
import Testing

@testable import Origins

// How an exchange reaches an origin: names that are slow or fail, and addresses that refuse. The names are the test's own;
// what they mean are unix sockets, of which some are listened on.

/// What a name means, which may change, fail, or take time.
private final class Names: Sendable {
    private let gate = Atomic<Bool>(true)
    private let failuresLeft = Atomic<Int>(0)
    let lookUps = Atomic<Int>(0)
    let addresses: [SocketAddress]

    init(_ paths: [String]) { addresses = paths.map { SocketAddress(unixPath: $0)! } }

    func hold() { gate.store(false, ordering: .sequentiallyConsistent) }
    func release() { gate.store(true, ordering: .sequentiallyConsistent) }
    func fail(times: Int) { failuresLeft.store(times, ordering: .sequentiallyConsistent) }

    func lookUp(_: String, _: UInt16) -> Resolution {
        lookUps.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while !gate.load(ordering: .sequentiallyConsistent) { usleep(1000) }
        if failuresLeft.load(ordering: .sequentiallyConsistent) > 0 {
            failuresLeft.wrappingSubtract(1, ordering: .sequentiallyConsistent)
            return .failed("no such name")
        }
        return .addresses(addresses)
    }
}

@Suite("How an exchange reaches an origin")
struct ReachingTests {
    private static let name = OriginAddress.tcp(host: "api.test", port: 80)

    private final class Stage {
        let loop = EventLoop(inputCapacity: 1 << 17)
        let folder = "/tmp/larder-reaching-\(UUID().uuidString)"
        let names: Names
        let origins: OriginAccess
        let group: UpstreamGroup
        private var listeners: [Listener] = []
        private var ends: [OriginEnd] = []
        private(set) var served: [String: Int] = [:]

        /// - Parameters:
        ///   - meaning: the files of the sockets that the name means.
        ///   - listening: the files that are listened on.
        init(
            servers: [OriginAddress] = [ReachingTests.name], meaning: [String] = [], listening: [String],
            connectTimeout: Milliseconds = .seconds(10)
        ) throws {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let folder = folder
            names = Names(meaning.map { "\(folder)/\($0)" })
            origins = OriginAccess(
                loop: loop, resolver: Resolver(lookUp: names.lookUp), headLimits: HeadLimits())
            var settings = Upstream(
                name: "u",
                servers: servers.map { server in
                    if case .unix(let file) = server { .unix(path: "\(folder)/\(file)") } else { server }
                })
            settings.connectTimeout = connectTimeout
            group = UpstreamGroup(settings: settings)
            for file in listening { try listen(file) }
            loop.turnEnded = { [unowned self] in origins.turnEnded() }
        }

        deinit {
            names.release()
            try? FileManager.default.removeItem(atPath: folder)
        }

        private func listen(_ file: String) throws {
            let address = try #require(SocketAddress(unixPath: "\(folder)/\(file)"))
            let descriptor = try listeningSocket(on: address, reusePort: false)
            listeners.append(
                Listener(loop: loop, descriptor: descriptor, address: address) { [unowned self] socket, _ in
                    ends.append(
                        OriginEnd(loop: loop, descriptor: socket) { [unowned self] _ in
                            served[file, default: 0] += 1
                            return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                        })
                } refused: { _ in
                })
        }

        func exchange(_ witness: Witness, method: HTTPSemantics.Method = .get) -> Exchange {
            let exchange = origins.exchange(
                with: group, method: method, content: .none, isRequestComplete: true, isConditional: false,
                upgrades: [],
                delegate: witness)
            exchange.request.append(Array("HEAD\r\n\r\n".utf8).span)
            return exchange
        }

        /// The end of one request.
        func run(_ method: HTTPSemantics.Method = .get) -> String? {
            let witness = Witness()
            let exchange = exchange(witness, method: method)
            var isOver = false
            witness.onOver = { [self] in
                isOver = true
                origins.retire(exchange)
                loop.stop()
            }
            exchange.start()
            if !isOver { turn(milliseconds: 20_000) }
            return witness.calls.last
        }

        /// Runs the loop for that long, or until it is stopped.
        func turn(milliseconds: Int64) {
            let timer = LoopTimer(loop: loop) { [loop] in loop.stop() }
            timer.schedule(afterMilliseconds: milliseconds)
            loop.run()
            timer.cancel()
        }
    }

    @Test(
        "RFC 1123 §2.3: with two addresses of which one refuses, the other serves every request",
        arguments: [HTTPSemantics.Method.get, .post])
    func oneAddressRefuses(method: HTTPSemantics.Method) throws {
        let stage = try Stage(meaning: ["nobody", "listening"], listening: ["listening"])
        for _ in 0..<6 { #expect(stage.run(method) == "ended") }
        #expect(stage.served == ["listening": 6])
        let endpoints = stage.group.servers[0].endpoints
        #expect(endpoints[0].health(now: stage.loop.now) != .up)
        #expect(endpoints[1].health(now: stage.loop.now) == .up)
    }

    @Test("If every address refuses, each was tried once")
    func allRefuse() throws {
        let stage = try Stage(meaning: ["one", "two", "three"], listening: [])
        #expect(stage.run(.post) == "failed refused")
        #expect(stage.group.servers[0].totalFailures.load(ordering: .relaxed) == 3)
    }

    @Test("A look-up that overruns connect_timeout is a connect time-out; it goes on, and serves who comes later")
    func slowName() throws {
        let stage = try Stage(meaning: ["listening"], listening: ["listening"], connectTimeout: Milliseconds(100))
        stage.names.hold()
        #expect(stage.run() == "failed connectTimeout")
        #expect(stage.run() == "failed connectTimeout")
        // One look-up for both.
        #expect(stage.names.lookUps.load(ordering: .relaxed) == 1)
        stage.names.release()
        for _ in 0..<10_000 where stage.group.servers[0].endpoints.isEmpty { usleep(1000) }
        #expect(stage.run() == "ended")
        // No name's fault is a server's.
        #expect(stage.group.servers[0].totalFailures.load(ordering: .relaxed) == 0)
    }

    @Test("One slow name delays no other server of the upstream")
    func slowNameBesideAnother() throws {
        let stage = try Stage(servers: [Self.name, .unix(path: "other")], listening: ["other"])
        stage.names.hold()
        for _ in 0..<4 { #expect(stage.run() == "ended") }
        #expect(stage.served == ["other": 4])
    }

    @Test("A look-up that fails is repeated while a request waits")
    func repeated() throws {
        let stage = try Stage(meaning: ["listening"], listening: ["listening"])
        stage.names.fail(times: 2)
        #expect(stage.run() == "ended")
        #expect(stage.names.lookUps.load(ordering: .relaxed) == 3)
    }

    @Test("A name that can't be resolved ends every request within connect_timeout, the second like the first")
    func failingName() throws {
        let stage = try Stage(listening: [], connectTimeout: Milliseconds(400))
        stage.names.fail(times: .max)
        for _ in 0..<4 { #expect(stage.run() == "failed unresolved") }
        #expect(stage.names.lookUps.load(ordering: .relaxed) >= 2)
    }

    @Test("A request that is cancelled while its name is looked up hears nothing more")
    func cancelled() throws {
        let stage = try Stage(meaning: ["listening"], listening: ["listening"])
        stage.names.hold()
        let witness = Witness()
        let exchange = stage.exchange(witness)
        exchange.start()
        stage.origins.retire(exchange)
        stage.names.release()
        for _ in 0..<10_000 where stage.group.servers[0].endpoints.isEmpty { usleep(1000) }
        stage.turn(milliseconds: 50)
        #expect(witness.calls.isEmpty)
        #expect(stage.run() == "ended")
        #expect(stage.served == ["listening": 1])
    }
}
