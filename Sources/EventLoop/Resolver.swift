// Resolves host names on a separate thread: getaddrinfo honours the system's configuration but blocks, so no loop may
// call it. (evdns isn't used: it fails on truncated replies.)

import Bytes
import Glibc

/// The result of resolving a name.
package enum Resolution: Sendable {
    case addresses([SocketAddress])
    /// The system's error message.
    case failed(String)
}

/// Resolves names one after another, on one thread.
package final class Resolver: Sendable {
    private struct Question: Sendable {
        let host: String
        let port: UInt16
        let completion: @Sendable (Resolution) -> Void
    }
    private struct State {
        var questions: [Question] = []
        var isRunning = false
    }
    private let state = Locked(State())
    /// Maximum number of queued names; further ones fail at once.
    private static let waitingLimit = 1024

    package init() {}

    /// May be called on any thread. `completion` is called once, on the resolver's thread; it should post the result to
    /// a mailbox.
    package func resolve(host: String, port: UInt16, completion: @escaping @Sendable (Resolution) -> Void) {
        let (isFull, starts) = state.withLock { state in
            guard state.questions.count < Self.waitingLimit else { return (true, false) }
            state.questions.append(Question(host: host, port: port, completion: completion))
            defer { state.isRunning = true }
            return (false, !state.isRunning)
        }
        if isFull { completion(.failed("too many names are waiting to be resolved")) }
        if starts { LoopThread.start(name: "larder-names") { [self] in work() }.detach() }
    }

    /// Blocks. Only for use while the process starts.
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

    /// The thread ends when the queue is empty; the next request starts another.
    private func work() {
        while true {
            let question = state.withLock { state -> Question? in
                if state.questions.isEmpty {
                    state.isRunning = false
                    return nil
                }
                return state.questions.removeFirst()
            }
            guard let question else { return }
            question.completion(Self.resolveNow(host: question.host, port: question.port))
        }
    }
}
