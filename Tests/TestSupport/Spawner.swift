import Foundation

// Starting child processes. All of them are started from one thread that lives as long as the test process, because
// PR_SET_PDEATHSIG fires when the *thread* that forked ends, and threads of the pools come and go.

package final class Spawner: @unchecked Sendable {
    package static let shared = Spawner()

    /// Guards `jobs`, which the thread drains in order.
    private let condition = NSCondition()
    private var jobs: [() -> Void] = []

    private init() {
        let thread = Thread { [unowned self] in self.run() }
        thread.name = "spawner"
        thread.start()
    }

    private func run() {
        while true {
            condition.lock()
            while jobs.isEmpty { condition.wait() }
            let job = jobs.removeFirst()
            condition.unlock()
            job()
        }
    }

    /// Starts a program and answers its process id. Nil for a stream means /dev/null.
    ///
    /// - Parameters:
    ///   - passing: a descriptor that the child sees as 3, as systemd passes sockets; every other one above 2 is closed.
    package func spawn(
        _ arguments: [String], environment: [String], standardInput: Int32?, standardOutput: String?,
        standardError: String?, passing: Int32?
    ) throws -> pid_t {
        nonisolated(unsafe) var result: Result<pid_t, any Error>?
        let done = DispatchSemaphore(value: 0)
        let job: @Sendable () -> Void = {
            result = Result {
                try Self.spawnHere(
                    arguments, environment: environment, standardInput: standardInput, standardOutput: standardOutput,
                    standardError: standardError, passing: passing)
            }
            done.signal()
        }
        condition.lock()
        jobs.append(job)
        condition.signal()
        condition.unlock()
        done.wait()
        return try result!.get()
    }

    private static func spawnHere(
        _ arguments: [String], environment: [String], standardInput: Int32?, standardOutput: String?,
        standardError: String?, passing: Int32?
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let standardInput {
            posix_spawn_file_actions_adddup2(&actions, standardInput, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        let write = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 1, standardOutput ?? "/dev/null", write, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, standardError ?? "/dev/null", write, 0o600)
        if let passing { posix_spawn_file_actions_adddup2(&actions, passing, 3) }
        // Close-on-exec covers the harness's own; whoever started this process may have left others open.
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in open.compactMap({ Int32($0) }) where descriptor > (passing == nil ? 2 : 3) {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var argv = arguments.map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        defer {
            for text in argv + envp { free(text) }
        }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, &envp)
        guard code == 0 else { throw HarnessError("\(arguments[0]): \(String(cString: strerror(code)))") }
        return pid
    }
}
