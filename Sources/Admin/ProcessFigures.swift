// Memory, descriptors and CPU time of this process, from /proc and getrusage(2). Uses pointers for system calls.

import Glibc

/// A figure that can't be read is zero.
struct ProcessFigures {
    var residentBytes = 0
    var virtualBytes = 0
    var openDescriptors = 0
    var descriptorLimit = 0
    /// User and system time of all threads.
    var cpuMilliseconds = 0

    init() {
        let pages = Self.text(of: "/proc/self/statm").split(separator: " ").map { Int($0) ?? 0 }
        let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
        if pages.count > 1 {
            virtualBytes = pages[0] * pageSize
            residentBytes = pages[1] * pageSize
        }
        if let folder = unsafe opendir("/proc/self/fd") {
            // Without `.`, `..` and the descriptor of the folder itself.
            openDescriptors = -3
            while unsafe readdir(folder) != nil { openDescriptors += 1 }
            unsafe closedir(folder)
        }
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            descriptorLimit = Int(clamping: limit.rlim_cur)
        }
        var usage = rusage()
        if unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            cpuMilliseconds =
                (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000
                + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000
        }
    }

    private static func text(of path: String) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { _ = Glibc.close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 256)
        // The buffer is as long as it says, and read into within the call alone.
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}
