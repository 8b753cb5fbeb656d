import Foundation

// A wall clock that a test sets for the programs that it starts: their clock_gettime is taken over by a small library that
// adds an offset, which the test writes into a file that they share. The monotonic clocks stay as they are.

package final class SettableClock: Sendable {
    private let path: String
    /// For the programs that are to go by this clock.
    package let environment: [String: String]

    /// Whether programs can be given such a clock here: there is a C compiler, and no sanitizer has a clock of its own.
    package static let isAvailable = library != nil && ProcessInfo.processInfo.environment["LARDER_SANITIZER"] == nil

    package init() throws {
        guard let library = Self.library else { throw HarnessError("no C compiler for the clock's library") }
        path = try TemporaryFolder.make("clock") + "/offset"
        environment = ["LD_PRELOAD": library, "WALL_CLOCK_OFFSET": path]
        try Data(count: 8).write(to: URL(fileURLWithPath: path))
    }

    /// Sets the clock so many seconds from the time as it is.
    package func set(bySeconds seconds: Int64) throws {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
        try file.close()
    }

    /// The library's path; nil where it can't be compiled.
    private static let library: String? = {
        guard let folder = try? TemporaryFolder.make("clock") else { return nil }
        let (source, library) = ("\(folder)/clock.c", "\(folder)/clock.so")
        guard (try? code.write(toFile: source, atomically: true, encoding: .utf8)) != nil else { return nil }
        for compiler in ["clang", "cc", "gcc"] {
            let result = try? run(["env", compiler, "-shared", "-fPIC", "-O1", "-o", library, source], within: 60)
            if result?.status == 0 { return library }
        }
        return nil
    }()

    private static let code = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>

        static volatile int64_t *offset;

        __attribute__((constructor)) static void begin(void) {
            const char *path = getenv("WALL_CLOCK_OFFSET");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            if (file < 0) return;
            void *map = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
            if (map != MAP_FAILED) offset = map;
            close(file);
        }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int result = (int)syscall(SYS_clock_gettime, clock, time);
            if (result == 0 && clock == CLOCK_REALTIME && offset) time->tv_sec += *offset;
            return result;
        }
        """
}
