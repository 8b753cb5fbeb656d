// The system calls of the commands, and the only file of this module with pointers. No pointer outlives the call that it is
// made for.

import CAllocator
import EventLoop
import Glibc

/// A failed system call, as a message.
struct SystemFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
    init(_ operation: String, code: Int32) { description = "\(operation): \(errorText(code))" }
}

enum System {
    // MARK: Process

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    static func removeEnvironment(_ name: String) { unsafe unsetenv(name) }

    static var processIdentifier: Int { Int(getpid()) }

    static func exit(_ code: Int32) -> Never {
        fflush(nil)
        Glibc.exit(code)
    }

    /// A write to a closed connection returns an error instead of ending the process.
    static func ignoreBrokenPipes() { ignore(signal: SIGPIPE) }

    static func ignore(signal number: Int32) { _ = signal(number, SIG_IGN) }

    /// Every connection uses a descriptor: raises the soft limit to the hard one.
    /// - Returns: how many this process may open from now on.
    static func raiseDescriptorLimit() -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            unsafe setrlimit(resource, &limit)
            unsafe getrlimit(resource, &limit)
        }
        return Int(clamping: min(limit.rlim_cur, 1 << 30))
    }

    /// Memory that was freed goes back to the system. Blocks from 128 KiB on, glibc's own first threshold, are mappings of their
    /// own; the system allows a process some 65,000 of those, threads and libraries included.
    static func returnFreedMemory() { larder_return_freed_memory(128 << 10, 32 << 10) }

    /// Returns free pages between blocks that are in use.
    static func trimMemory() { larder_trim_memory() }

    /// Bytes of this process in memory; nil if they can't be read.
    static var residentBytes: Int? {
        guard let text = try? read(file: "/proc/self/statm", limit: 256) else { return nil }
        let pages = String(decoding: text, as: UTF8.self).split(separator: " ")
        return pages.count > 1 ? Int(pages[1]).map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) } : nil
    }

    /// The clock of sd_notify(3)'s MONOTONIC_USEC, in whole microseconds.
    static func monotonicMicroseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    /// Whether what is written to standard error goes to systemd's journal (systemd.exec(5), `$JOURNAL_STREAM`): the
    /// variable alone is inherited by every terminal of a session.
    static var standardErrorIsJournal: Bool {
        guard let stream = environment("JOURNAL_STREAM") else { return false }
        var status = stat()
        guard unsafe fstat(STDERR_FILENO, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }

    enum Signal: Int32 {
        case hangUp = 1
    }

    static func send(signal: Signal, to process: Int32) throws(SystemFault) {
        guard kill(process, signal.rawValue) == 0 else { throw SystemFault("cannot be sent a signal", code: errno) }
    }

    // MARK: Files

    /// A whole file of at most `limit` bytes.
    static func read(file path: String, limit: Int) throws(SystemFault) -> [UInt8] {
        // Without a writer it would be waited for, for ever. A shell's `<(…)` is a pipe too, and has one.
        if isFIFO(path), !path.hasPrefix("/dev/"), !path.hasPrefix("/proc/") {
            throw SystemFault("cannot be read: it is a FIFO, not a file")
        }
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFault("cannot be read", code: errno) }
        defer { close(descriptor) }
        return try read(descriptor, limit: limit)
    }

    private static func isFIFO(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }

    static func readStandardInput(limit: Int) throws(SystemFault) -> [UInt8] { try read(STDIN_FILENO, limit: limit) }

    private static func read(_ descriptor: Int32, limit: Int) throws(SystemFault) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe Glibc.read(descriptor, &piece, piece.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemFault("cannot be read", code: errno)
            }
            if count == 0 { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= limit else { throw SystemFault("cannot be read: it is larger than \(limit) bytes") }
        }
    }

    static func print(_ line: String) { write(Array("\(line)\n".utf8), to: STDOUT_FILENO) }
    static func printError(_ line: String) { write(Array("\(line)\n".utf8), to: STDERR_FILENO) }
    static func printBytes(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress! + start, $0.count - start)
            }
            if count < 0 && errno != EINTR { return }
            start += max(count, 0)
        }
    }

    static func exists(file path: String) -> Bool { unsafe access(path, F_OK) == 0 }
    static func remove(file path: String) { unsafe unlink(path) }

    static func isFile(_ path: String) -> Bool {
        var status = Glibc.stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// The paths that match a pattern of glob(7), sorted.
    static func paths(matching pattern: String) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(unsafe found.gl_pathc)).compactMap { index in
            unsafe found.gl_pathv[index].map { unsafe String(cString: $0) }
        }
    }

    /// Whether there is certainly no such folder. One that this process may not see is not missing.
    static func lacksFolder(_ path: String) -> Bool {
        var status = Glibc.stat()
        guard unsafe stat(path, &status) == 0 else { return errno == ENOENT || errno == ENOTDIR }
        return status.st_mode & S_IFMT != S_IFDIR
    }

    // MARK: Identity

    static var isRoot: Bool { geteuid() == 0 }

    static func hasUser(_ name: String) -> Bool { unsafe getpwnam(name) != nil }
    static func hasGroup(_ name: String) -> Bool { unsafe getgrnam(name) != nil }

    /// Switches to another user permanently. Groups are set first, because only root may change them. Without `group`, the
    /// user's own is used.
    static func switchUser(user: String?, group: String?) throws(SystemFault) {
        var groupNumber: gid_t?
        if let group {
            guard let entry = unsafe getgrnam(group) else { throw SystemFault("unknown group \(group)") }
            groupNumber = unsafe entry.pointee.gr_gid
        }
        guard let user else {
            if let groupNumber {
                guard setgroups(0, nil) == 0, setgid(groupNumber) == 0 else {
                    throw SystemFault("cannot switch to group \(group ?? "")", code: errno)
                }
            }
            return
        }
        guard let entry = unsafe getpwnam(user) else { throw SystemFault("unknown user \(user)") }
        let (userNumber, ownGroup) = unsafe (entry.pointee.pw_uid, entry.pointee.pw_gid)
        guard unsafe initgroups(user, groupNumber ?? ownGroup) == 0, setgid(groupNumber ?? ownGroup) == 0,
            setuid(userNumber) == 0
        else { throw SystemFault("cannot switch to user \(user)", code: errno) }
    }

    // MARK: Sockets

    static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }

    /// Prepares an inherited descriptor for the loop: non-blocking, close-on-exec. False if it isn't open.
    static func adopt(_ descriptor: Int32) -> Bool {
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0 else { return false }
        return fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) >= 0 && fcntl(descriptor, F_SETFD, FD_CLOEXEC) >= 0
    }

    /// Whether the descriptor is a listening socket.
    static func isListening(_ descriptor: Int32) -> Bool {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0
    }

    /// Sends one datagram to a unix socket; a path that starts with `@` is in the abstract namespace (unix(7)). Errors are
    /// ignored.
    static func sendDatagram(_ text: String, to path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        guard !name.isEmpty, name.count < 108 else { return }
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let bytes = Array(text.utf8)
        _ = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
                unsafe sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), target, length)
            }
        }
    }

    enum Readiness { case readable, writable }

    /// Waits until a descriptor is ready; false after the timeout. End of input and errors count as ready: the next call
    /// reports them.
    static func wait(for descriptor: Int32, _ readiness: Readiness, milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(readiness == .readable ? POLLIN : POLLOUT), revents: 0)
        while true {
            let result = unsafe poll(&entry, 1, milliseconds)
            if result < 0 && errno == EINTR { continue }
            return result > 0
        }
    }

    /// The error code of a finished connect; 0 if it succeeded.
    static func connectionError(of descriptor: Int32) -> Int32 {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &value, &size)
        return value
    }

    enum Transfer {
        /// 0 bytes received mean end of input.
        case bytes(Int)
        case wouldBlock
        case failed(Int32)

        fileprivate init(_ count: Int) {
            switch (count, errno) {
            case (0..., _): self = .bytes(count)
            case (_, EAGAIN), (_, EINTR): self = .wouldBlock
            case (_, let code): self = .failed(code)
            }
        }
    }

    /// Sends as much as the socket accepts now.
    static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Transfer {
        Transfer(
            unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            })
    }

    /// Receives available bytes into the start of `buffer`.
    static func receive(_ buffer: inout [UInt8], from descriptor: Int32) -> Transfer {
        Transfer(unsafe recv(descriptor, &buffer, buffer.count, 0))
    }
}
