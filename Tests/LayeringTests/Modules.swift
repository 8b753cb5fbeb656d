// Which module may import what, and which file may say `unsafe`: the architecture as a table.
//
// SwiftPM builds an import that no dependency declares as long as some other target brings the module along, so the
// arrows of Package.swift alone hold nothing. A new module, arrow or home of unsafe code is a line here, with a reason
// in the commit that adds it.

struct Module {
    /// The folder's name below `Sources`.
    let name: String
    /// Everything that its files may import, in any form.
    let imports: Set<String>
    /// Where `unsafe` may stand, as paths from the module's folder; a trailing slash names a whole folder.
    let unsafeHomes: UnsafeHomes

    init(_ name: String, imports: Set<String> = [], unsafe: UnsafeHomes = .nowhere) {
        self.name = name
        self.imports = imports
        self.unsafeHomes = unsafe
    }

    enum UnsafeHomes {
        case nowhere
        case everywhere
        case files([String])

        func allows(_ path: String) -> Bool {
            switch self {
            case .nowhere: false
            case .everywhere: true
            case .files(let homes): homes.contains { home in home.hasSuffix("/") ? path.hasPrefix(home) : path == home }
            }
        }
    }

    /// Top to bottom: a module imports only what stands above it.
    static let all: [Module] = [
        Module("CLibevent"),
        Module("CHiredis"),
        Module("CLibyaml"),
        Module("CZlib"),
        Module("CZstd"),
        Module("CBrotli"),
        Module("COpenSSL"),
        Module("CNghttp2"),
        Module("CAllocator"),
        // Other modules inline its functions only where their type, too, is `@usableFromInline`: `package` alone is a call.
        // Owns memory, finds bytes by vectors of 16, which Span can't load, copies spans and literals, and locks.
        Module(
            "Bytes",
            imports: ["Glibc"],
            unsafe: .files([
                "ByteBuffer.swift", "ByteQueue.swift", "ByteSpans.swift", "Locked.swift", "Scan.swift",
            ])),
        Module("HTTPSemantics", imports: ["Bytes"]),
        // Three C libraries.
        Module("Compression", imports: ["Bytes", "HTTPSemantics", "CZlib", "CZstd", "CBrotli"], unsafe: .everywhere),
        Module("HTTPWire", imports: ["Bytes", "HTTPSemantics"]),
        Module("HTTPCaching", imports: ["Bytes", "HTTPSemantics"]),
        Module("EventLoop", imports: ["Bytes", "CLibevent", "Glibc", "Synchronization"], unsafe: .everywhere),
        // nghttp2, whose sessions and fields are pointers.
        Module(
            "HTTP2Wire", imports: ["Bytes", "HTTPSemantics", "HTTPWire", "EventLoop", "CNghttp2"],
            unsafe: .files(["FieldPairs.swift", "HTTP2Library.swift", "HTTP2Session.swift"])),
        // A stored response is one allocation that many requests pin and read.
        Module(
            "CacheStorage",
            imports: ["Bytes", "HTTPSemantics", "HTTPCaching", "Glibc", "Synchronization"],
            unsafe: .files([
                "Records/PartialResponse.swift", "Records/RecordAssembly.swift", "Records/StoredResponse.swift",
                "Records/StoredResponse+Making.swift", "Records/StoredResponseBuilder.swift",
            ])),
        Module("Configuration", imports: ["Bytes"]),
        // libyaml's events.
        Module(
            "ConfigurationReader",
            imports: ["Configuration", "CLibyaml", "Glibc"],
            unsafe: .files(["YAMLDocument.swift"])),
        // OpenSSL, whose objects are pointers.
        Module("TLS", imports: ["Bytes", "EventLoop", "Configuration", "COpenSSL", "Glibc"], unsafe: .everywhere),
        // hiredis's reader, words of a record at any offset, and the bytes of output.
        Module(
            "RedisStorage",
            imports: ["Bytes", "CacheStorage", "HTTPCaching", "EventLoop", "TLS", "CHiredis", "Glibc"],
            unsafe: .files(["Protocol/", "Store/RecordChecksum.swift", "Store/RecordFormat.swift"])),
        Module(
            "Routing",
            imports: ["Bytes", "HTTPSemantics", "HTTPWire", "Configuration"],
            // Four bytes at a time in the digest.
            unsafe: .files(["MD5.swift"])),
        Module(
            "Origins",
            imports: [
                "Bytes", "HTTPSemantics", "HTTPWire", "HTTP2Wire", "EventLoop", "Configuration", "TLS",
                "Synchronization", "CNghttp2", "Glibc",
            ],
            // nghttp2.
            unsafe: .files(["HTTP2/StreamCallbacks.swift"])),
        // A request's view of its bytes, in the input buffer or in its own copy; nghttp2.
        Module(
            "Clients",
            imports: [
                "Bytes", "HTTPSemantics", "HTTPWire", "HTTPCaching", "EventLoop", "CacheStorage", "TLS",
                "Synchronization", "HTTP2Wire", "CNghttp2",
            ],
            unsafe: .files(["RequestMessage.swift", "HTTP2/HTTP2Callbacks.swift"])),
        Module(
            "Proxy",
            imports: [
                "Bytes", "HTTPSemantics", "HTTPWire", "HTTPCaching", "EventLoop", "CacheStorage", "RedisStorage",
                "Configuration", "Routing", "Origins", "Clients", "Compression", "TLS", "Synchronization", "Glibc",
            ],
            // Plain calls of the C library.
            unsafe: .files([
                "Server/Server.swift", "Observe/EventLog.swift",
                "Observe/AccessLogSink.swift", "Observe/AccessLogBuffer.swift", "Observe/LogWriter.swift",
            ])),
        Module(
            "Admin",
            imports: [
                "Bytes", "HTTPSemantics", "HTTPWire", "HTTPCaching", "EventLoop", "CacheStorage", "Configuration",
                "Routing",
                "Origins", "Proxy", "TLS", "Glibc",
            ],
            // What the system tells of the process.
            unsafe: .files(["ProcessFigures.swift"])),
        Module(
            "larder",
            imports: [
                "Bytes", "HTTPSemantics", "HTTPWire", "HTTPCaching", "EventLoop", "CacheStorage", "RedisStorage",
                "Configuration", "ConfigurationReader", "TLS", "Routing", "Proxy", "Admin", "ArgumentParser",
                "Synchronization",
                "CAllocator", "Glibc",
            ],
            // Calls of the C library for which there is no safe form.
            unsafe: .files(["System.swift"])),
    ]

    static func named(_ name: String) -> Module? {
        all.first { $0.name == name }
    }
}
