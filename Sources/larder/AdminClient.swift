// How commands talk to the running daemon: one blocking HTTP request to its admin listener, with timeouts.

import Admin
import ArgumentParser
import Configuration
import EventLoop
import HTTPWire

/// `--config` and `--admin` of the commands that talk to the daemon.
struct AdminOption: ParsableArguments {
    @OptionGroup var source: ConfigurationOption
    @Option(
        help: ArgumentHelp(
            "Address of the admin listener, instead of the file's; the token is $LARDER_ADMIN_TOKEN.",
            valueName: "address"))
    var admin: String?

    /// A client of the admin listener that the file configures, whatever is wrong with the rest of the file. Without a file it
    /// is the default address, which a daemon started without a file uses too.
    func client() throws -> AdminClient {
        if let admin {
            do throws(ValueFault) {
                return try AdminClient(ListenAddress(parsing: admin), token: System.environment("LARDER_ADMIN_TOKEN"))
            } catch {
                throw ValidationError("--admin: \(error)")
            }
        }
        var settings = AdminSettings()
        let path = source.path
        if path != ConfigurationOption.defaultFile || System.exists(file: path) {
            do throws(ConfigurationFaults) {
                settings = try readConfiguration(file: path).configuration.admin
                guard let listen = settings.listen else {
                    throw ConfigurationFaults(lines: [
                        "larder: \(path) turns the admin listener off (admin.listen: off)"
                    ])
                }
                return AdminClient(listen, token: try adminToken(of: settings))
            } catch {
                if let settings = adminSection(ofFile: path), let listen = settings.listen,
                    let client = try? AdminClient(listen, token: adminToken(of: settings))
                {
                    return client
                }
                throw CommandFailure(
                    lines: error.lines + ["larder: use --admin ADDRESS to reach the daemon without the file"])
            }
        }
        guard let listen = settings.listen else { throw CommandFailure("the admin listener is off by default") }
        return AdminClient(listen, token: nil)
    }
}

/// The daemon's response.
struct AdminResult {
    let status: Int
    let content: [UInt8]

    var isSuccess: Bool { (200..<300).contains(status) }
    var json: JSONValue? { try? JSONValue(content) }

    /// The daemon's own message: `detail` of RFC 9457, and every fault that it lists.
    var failure: CommandFailure {
        let document = json
        var sentence = document?["detail"]?.text ?? "the admin listener returned status \(status)"
        if status == 401 {
            sentence +=
                "; set admin.token or admin.token_file in the configuration file, or $LARDER_ADMIN_TOKEN with --admin"
        }
        return CommandFailure(lines: ["larder: \(sentence)"] + (document?["faults"]?.elements ?? []).compactMap(\.text))
    }
}

struct AdminClient {
    private let listen: ListenAddress
    private let token: String?

    private static let connectMilliseconds: Int32 = 5_000
    /// Longer than the daemon's own limit for a response, which is 10 s.
    private static let responseMilliseconds: Int32 = 15_000
    private static let responseLimit = 1 << 30

    init(_ listen: ListenAddress, token: String?) {
        self.listen = listen
        self.token = token
    }

    /// Sends a request; a status other than 2xx is thrown as a failure.
    func ask(
        _ method: String, _ target: String, fields: [String] = [], content: [UInt8]? = nil
    ) throws(CommandFailure) -> AdminResult {
        let result = try exchange(method, target, fields: fields, content: content)
        guard result.isSuccess else { throw result.failure }
        return result
    }

    /// Sends a request and returns whatever the response is.
    func exchange(
        _ method: String, _ target: String, fields: [String] = [], content: [UInt8]? = nil
    ) throws(CommandFailure) -> AdminResult {
        System.ignoreBrokenPipes()
        let descriptor = try connect()
        defer { System.close(descriptor) }
        var lines = ["\(method) \(target) HTTP/1.1", "Host: localhost", "Connection: close"] + fields
        if let token { lines.append("Authorization: Bearer \(token)") }
        if let content { lines.append("Content-Length: \(content.count)") }
        try send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (content ?? []), to: descriptor)
        return try receive(from: descriptor)
    }

    private func connect() throws(CommandFailure) -> Int32 {
        guard let address = SocketAddress(listen) else { throw CommandFailure("\(listen) is not a valid address") }
        let code: Int32
        switch startConnection(to: address) {
        case .connected(let descriptor): return descriptor
        case .failed(let failure): code = failure
        case .underWay(let descriptor):
            guard System.wait(for: descriptor, .writable, milliseconds: Self.connectMilliseconds) else {
                System.close(descriptor)
                throw CommandFailure("connecting to \(listen) timed out")
            }
            code = System.connectionError(of: descriptor)
            if code == 0 { return descriptor }
            System.close(descriptor)
        }
        throw CommandFailure(
            "cannot connect to the daemon on \(listen): \(errorText(code)); is `larder serve` running?")
    }

    /// The daemon may reject a large content before all of it is sent, so a broken connection is left to `receive` to report.
    private func send(_ bytes: [UInt8], to descriptor: Int32) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch System.send(rest, to: descriptor) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .failed: return
            case .wouldBlock:
                guard System.wait(for: descriptor, .writable, milliseconds: Self.responseMilliseconds) else {
                    throw CommandFailure("sending the request to the daemon on \(listen) timed out")
                }
            }
        }
    }

    private func receive(from descriptor: Int32) throws(CommandFailure) -> AdminResult {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var head = ResponseHead()
        while true {
            if let result = try parse(bytes, &head) { return result }
            guard System.wait(for: descriptor, .readable, milliseconds: Self.responseMilliseconds) else {
                throw CommandFailure("the daemon on \(listen) did not respond in time")
            }
            switch System.receive(&buffer, from: descriptor) {
            case .bytes(0):
                throw CommandFailure("the daemon on \(listen) closed the connection before the response was complete")
            case .bytes(let count): bytes += buffer[..<count]
            case .wouldBlock: continue
            case .failed(let code): throw CommandFailure("the connection to \(listen) failed: \(errorText(code))")
            }
            guard bytes.count <= Self.responseLimit else { throw CommandFailure("the response is too large") }
        }
    }

    /// Nil until the response is complete.
    private func parse(_ bytes: [UInt8], _ head: inout ResponseHead) throws(CommandFailure) -> AdminResult? {
        guard !bytes.isEmpty else { return nil }
        let unexpected = CommandFailure("the server on \(listen) is not a Larder admin listener")
        if head.length == 0 {
            do throws(WireError) {
                guard try head.parse(bytes.span, answering: .get, limits: HeadLimits()) else { return nil }
            } catch {
                throw unexpected
            }
        }
        switch head.framing {
        case .none: return AdminResult(status: head.status, content: [])
        case .length(let length):
            guard length <= UInt64(Self.responseLimit) else { throw unexpected }
            guard bytes.count - head.length >= Int(length) else { return nil }
            return AdminResult(status: head.status, content: Array(bytes[head.length..<head.length + Int(length)]))
        case .chunked, .untilClose: throw unexpected
        }
    }
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3).
func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            bytes.append(byte)
        default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

extension JSONValue {
    subscript(_ name: String) -> JSONValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    var elements: [JSONValue]? {
        if case .array(let values) = self { values } else { nil }
    }

    var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    var count: Int? {
        if case .number(let digits) = self { Int(digits) } else { nil }
    }
}
