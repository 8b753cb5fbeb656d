// Resolves host names on threads of its own: getaddrinfo honours the system's configuration but blocks, so no loop may
// call it. (evdns isn't used: it fails on truncated replies.)
//
// A look-up can't be interrupted, and a name whose servers are silent takes half a minute. So there is a thread for each
// name that is being resolved, up to a bound: a slow name delays no other. Whoever waits has a time-out of its own.

import Bytes
import Glibc

/// The result of resolving a name.
package enum Resolution: Sendable {
    case addresses([SocketAddress])
    /// The system's error message.
    case failed(String)
}

/// Counters of a resolver; they only grow, but for `inFlight`.
package struct ResolverFigures: Sendable, Equatable {
    /// Names that are being resolved or wait for a thread.
    package var inFlight = 0
    package var lookUps = 0
    package var failures = 0
    /// Look-ups that failed at once because too many names were in flight.
    package var refusals = 0
    /// Addresses of names with more of them than are used.
    package var ignoredAddresses = 0

    package init() {}
}

/// Resolves several names at once. All members may be used on any thread.
package final class Resolver: Sendable {
    private struct Question: Hashable, Sendable {
        let host: String
        let port: UInt16
    }
    private struct State {
        /// Questions that no thread has taken yet, in order.
        var queue: [Question] = []
        /// Those who wait, for each question in the queue or on a thread.
        var completions: [Question: [@Sendable (Resolution) -> Void]] = [:]
        var threads = 0
        var figures = ResolverFigures()
    }
    private let state = Locked(State())
    private let lookUp: @Sendable (_ host: String, _ port: UInt16) -> Resolution

    /// Threads end when nothing is queued, so a process with few names has none most of the time.
    private static let threadLimit = 32
    /// Further names fail at once.
    private static let inFlightLimit = 1024
    /// More addresses of one name are ignored.
    private static let addressLimit = 64

    /// - Parameter lookUp: may block.
    package init(lookUp: @escaping @Sendable (_ host: String, _ port: UInt16) -> Resolution = Resolver.resolveNow) {
        self.lookUp = lookUp
    }

    package var figures: ResolverFigures {
        state.withLock { state in
            var figures = state.figures
            figures.inFlight = state.completions.count
            return figures
        }
    }

    /// `completion` is called once, usually on one of the resolver's threads; it should post the result to a mailbox. A
    /// name that is being resolved already isn't looked up a second time at once.
    package func resolve(host: String, port: UInt16, completion: @escaping @Sendable (Resolution) -> Void) {
        let question = Question(host: host, port: port)
        enum Next { case wait, start, refuse }
        let next = state.withLock { state -> Next in
            guard state.completions[question] == nil else {
                state.completions[question]?.append(completion)
                return .wait
            }
            guard state.completions.count < Self.inFlightLimit else {
                state.figures.refusals += 1
                return .refuse
            }
            state.completions[question] = [completion]
            state.queue.append(question)
            guard state.threads < Self.threadLimit else { return .wait }
            state.threads += 1
            return .start
        }
        switch next {
        case .wait: break
        case .start:
            if let thread = LoopThread.startIfPossible(name: "larder-names", { [self] in work() }) {
                thread.detach()
            } else {
                noThread()
            }
        case .refuse: completion(.failed("too many names are being resolved"))
        }
    }

    /// Blocks. Only for use while the process starts, and on the resolver's own threads.
    package static func resolveNow(host: String, port: UInt16) -> Resolution {
        if let numeric = SocketAddress(numericHost: host, port: port) { return .addresses([numeric]) }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = Int32(AI_ADDRCONFIG)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else { return .failed(unsafe String(cString: gai_strerror(code))) }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            var storage = sockaddr_storage()
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.copyMemory(
                    from: UnsafeRawBufferPointer(start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen)))
            }
            if let address = SocketAddress(storage: &storage), !addresses.contains(address) {
                addresses.append(address)
            }
            unsafe next = entry.pointee.ai_next
        }
        return addresses.isEmpty ? .failed("the name has no address") : .addresses(addresses)
    }

    /// The system has no thread left. The other threads go on with the queue; without any, everything in it fails.
    private func noThread() {
        let abandoned = state.withLock { state -> [@Sendable (Resolution) -> Void] in
            state.threads -= 1
            guard state.threads == 0 else { return [] }
            let completions = state.queue.flatMap { state.completions.removeValue(forKey: $0) ?? [] }
            state.figures.refusals += state.queue.count
            state.queue.removeAll()
            return completions
        }
        for completion in abandoned { completion(.failed("no thread is left to resolve the name")) }
    }

    private func work() {
        while let question = takeQuestion() {
            var resolution = lookUp(question.host, question.port)
            let completions = state.withLock { state in
                state.figures.lookUps += 1
                switch resolution {
                case .failed: state.figures.failures += 1
                case .addresses(let found) where found.count > Self.addressLimit:
                    state.figures.ignoredAddresses += found.count - Self.addressLimit
                    resolution = .addresses(Array(found.prefix(Self.addressLimit)))
                case .addresses: break
                }
                return state.completions.removeValue(forKey: question) ?? []
            }
            for completion in completions { completion(resolution) }
        }
    }

    /// Nil if nothing is queued; the calling thread then counts as ended.
    private func takeQuestion() -> Question? {
        state.withLock { state in
            guard !state.queue.isEmpty else {
                state.threads -= 1
                return nil
            }
            return state.queue.removeFirst()
        }
    }
}
