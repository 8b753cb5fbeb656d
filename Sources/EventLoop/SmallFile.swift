// Small files that are read while a request waits: from a local disk that is less than a poll of the loop.

import Glibc

package enum SmallFile {
    /// The bytes of a regular file; nil if there is none, or a larger one.
    package static func read(_ path: String, atMost limit: Int) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { _ = Glibc.close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else {
            return nil
        }
        var bytes = [UInt8](repeating: 0, count: limit)
        var count = 0
        while count < limit {
            let more = unsafe bytes.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress! + count, limit - count)
            }
            if more < 0, errno == EINTR { continue }
            if more < 0 { return nil }
            if more == 0 { break }
            count += more
        }
        return Array(bytes[..<count])
    }
}
