// How a command asks the running daemon: one HTTP request to its admin listener, blocking, within a bound.

import Admin
import ArgumentParser
import Configuration
import EventLoop
import HTTPWire

/// `--config` and `--admin` of the commands that speak to the daemon.
struct AdminOption: ParsableArguments {
    @OptionGroup var source: ConfigurationOption
    @Option(
        help: ArgumentHelp(
            "The daemon's admin listener, instead of the file's; with $LARDER_ADMIN_TOKEN.", valueName: "address"))
    var admin: String?

    /// Where the daemon of the file listens. Without any file it is the usual place, where one listens that was started
    /// without a file too.
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
        if path != ConfigurationOption.usualFile || System.exists(file: path) {
            do throws(ConfigurationFaults) {
                settings = try readConfiguration(file: path).admin
                guard let listen = settings.listen else {
                    throw ConfigurationFaults(lines: ["larder: \(path) turns the admin listener off"])
                }
                return AdminClient(listen, token: try adminToken(of: settings))
            } catch {
                throw CommandFailure(lines: error.lines + ["larder: --admin ADDRESS names the daemon without the file"])
            }
        }
        guard let listen = settings.listen else { throw CommandFailure("there is no admin listener by default") }
        return AdminClient(listen, token: nil)
    }
}

/// What the daemon answered.
struct AdminReply {
    let status: Int
    let content: [UInt8]

    var isSuccess: Bool { (200..<300).contains(status) }
    var json: JSONValue? { try? JSONValue(content) }

    /// The daemon's own sentences (RFC 9457's `detail`, and every fault it lists).
    var failure: CommandFailure {
        let document = json
        var sentence = document?["detail"]?.text ?? "the admin listener answered \(status)"
        if status == 401 {
            sentence +=
                "; the token is admin.token or admin.token_file of the daemon's file, or $LARDER_ADMIN_TOKEN with --admin"
        }
        return CommandFailure(lines: ["larder: \(sentence)"] + (document?["faults"]?.elements ?? []).compactMap(\.text))
    }
}

struct AdminClient {
    private let listen: ListenAddress
    private let token: String?

    private static let connectMilliseconds: Int32 = 5_000
    /// The daemon's own bound for an answer is 10 s.
    private static let answerMilliseconds: Int32 = 15_000
    private static let replyLimit = 1 << 30

    init(_ listen: ListenAddress, token: String?) {
        self.listen = listen
        self.token = token
    }

    /// The daemon's answer, or its refusal as a failure.
    func ask(
        _ method: String, _ target: String, fields: [String] = [], content: [UInt8]? = nil
    ) throws(CommandFailure) -> AdminReply {
        let reply = try exchange(method, target, fields: fields, content: content)
        guard reply.isSuccess else { throw reply.failure }
        return reply
    }

    private func exchange(
        _ method: String, _ target: String, fields: [String], content: [UInt8]?
    ) throws(CommandFailure) -> AdminReply {
        System.ignoreBrokenPipes()
        let descriptor = try connect()
        defer { System.close(descriptor) }
        var lines = ["\(method) \(target) HTTP/1.1", "Host: localhost", "Connection: close"] + fields
        if let token { lines.append("Authorization: Bearer \(token)") }
        if let content { lines.append("Content-Length: \(content.count)") }
        try send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (content ?? []), to: descriptor)
        return try reply(from: descriptor)
    }

    private func connect() throws(CommandFailure) -> Int32 {
        guard let address = SocketAddress(listen) else { throw CommandFailure("\(listen) is not an address") }
        let code: Int32
        switch startConnection(to: address) {
        case .connected(let descriptor): return descriptor
        case .failed(let failure): code = failure
        case .underWay(let descriptor):
            guard System.wait(for: descriptor, .writable, milliseconds: Self.connectMilliseconds) else {
                System.close(descriptor)
                throw CommandFailure("\(listen) does not answer")
            }
            code = System.connectionError(of: descriptor)
            if code == 0 { return descriptor }
            System.close(descriptor)
        }
        throw CommandFailure("no daemon answers on \(listen) (\(errorText(code))); is `larder serve` running?")
    }

    /// A daemon that refuses a large content answers before it is all sent, so a broken connection is told by reading.
    private func send(_ bytes: [UInt8], to descriptor: Int32) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch System.send(rest, to: descriptor) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .failed: return
            case .wouldBlock:
                guard System.wait(for: descriptor, .writable, milliseconds: Self.answerMilliseconds) else {
                    throw CommandFailure("the daemon on \(listen) takes no more of the request")
                }
            }
        }
    }

    private func reply(from descriptor: Int32) throws(CommandFailure) -> AdminReply {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var head = ResponseHead()
        while true {
            if let reply = try whole(bytes, &head) { return reply }
            guard System.wait(for: descriptor, .readable, milliseconds: Self.answerMilliseconds) else {
                throw CommandFailure("the daemon on \(listen) does not answer in time")
            }
            switch System.receive(&buffer, from: descriptor) {
            case .bytes(0): throw CommandFailure("the daemon on \(listen) ended the connection without a whole answer")
            case .bytes(let count): bytes += buffer[..<count]
            case .wouldBlock: continue
            case .failed(let code): throw CommandFailure("the connection to \(listen) broke: \(errorText(code))")
            }
            guard bytes.count <= Self.replyLimit else { throw CommandFailure("the answer is too large") }
        }
    }

    /// Nil until all of it has come.
    private func whole(_ bytes: [UInt8], _ head: inout ResponseHead) throws(CommandFailure) -> AdminReply? {
        guard !bytes.isEmpty else { return nil }
        let strange = CommandFailure("what listens on \(listen) is no admin listener of Larder's")
        if head.length == 0 {
            do throws(WireError) {
                guard try head.parse(bytes.span, answering: .get, limits: HeadLimits()) else { return nil }
            } catch {
                throw strange
            }
        }
        switch head.framing {
        case .none: return AdminReply(status: head.status, content: [])
        case .length(let length):
            guard length <= UInt64(Self.replyLimit) else { throw strange }
            guard bytes.count - head.length >= Int(length) else { return nil }
            return AdminReply(status: head.status, content: Array(bytes[head.length..<head.length + Int(length)]))
        case .chunked, .untilClose: throw strange
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
