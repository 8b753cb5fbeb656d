// The framing list: requests that no gateway may forward, each with the reason why it is rejected.

import Testing

@testable import HTTPWire

struct RefusedRequest: Sendable, CustomTestStringConvertible {
    let message: String
    let reason: WireError.Reason
    var testDescription: String { message.debugDescription }

    init(_ message: String, _ reason: WireError.Reason) {
        self.message = message
        self.reason = reason
    }

    /// A field line between a valid request line with Host and the end of the head.
    static func lines(_ lines: String, _ reason: WireError.Reason) -> RefusedRequest {
        RefusedRequest("POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n", reason)
    }

    static func line(_ requestLine: String, _ reason: WireError.Reason) -> RefusedRequest {
        RefusedRequest("\(requestLine)\r\nHost: a\r\n\r\n", reason)
    }

    static let all: [RefusedRequest] = requestLines + hosts + fieldLines + options + framings + others

    static let requestLines: [RefusedRequest] = [
        .line("GET /", .invalidRequestLine),
        .line("GET", .invalidRequestLine),
        .line("", .invalidRequestLine),
        .line(" GET / HTTP/1.1", .invalidRequestLine),
        .line("GET  / HTTP/1.1", .invalidTarget),
        .line("GET /  HTTP/1.1", .invalidTarget),
        .line("GET / HTTP/1.1 ", .invalidRequestLine),
        .line("GET\t/ HTTP/1.1", .invalidRequestLine),
        .line("GET /a b HTTP/1.1", .invalidTarget),
        .line("GET /a\tb HTTP/1.1", .invalidTarget),
        .line("GET /ä HTTP/1.1", .invalidTarget),
        .line("GET /a#b HTTP/1.1", .invalidTarget),
        .line("GET a HTTP/1.1", .invalidTarget),
        .line("GET ?a HTTP/1.1", .invalidTarget),
        .line("G@T / HTTP/1.1", .invalidRequestLine),
        .line("GÉT / HTTP/1.1", .invalidRequestLine),
        .line("GET / HTTP/1,1", .invalidVersion),
        .line("GET / http/1.1", .invalidVersion),
        .line("GET / HTTP/1.x", .invalidVersion),
        .line("GET / HTTP/11.1", .invalidRequestLine),
        .line("GET / HTTP/2.0", .unsupportedVersion),
        .line("PRI * HTTP/2.0", .unsupportedVersion),
        .line("GET / HTTP/0.9", .unsupportedVersion),
        .line("GET * HTTP/1.1", .targetFormMismatch),
        .line("GET a:80 HTTP/1.1", .invalidTarget),
        .line("CONNECT / HTTP/1.1", .targetFormMismatch),
        .line("CONNECT a HTTP/1.1", .invalidTarget),
        .line("CONNECT a: HTTP/1.1", .invalidTarget),
        .line("CONNECT http://a/ HTTP/1.1", .invalidTarget),
        .line("GET ftp://a/ HTTP/1.1", .invalidTarget),
        .line("GET http:/a HTTP/1.1", .invalidTarget),
        .line("GET http:// HTTP/1.1", .invalidHost),
        .line("GET http:///a HTTP/1.1", .invalidHost),
        .line("GET http://u@a/ HTTP/1.1", .invalidHost),
        .line("GET http://u:p@a/ HTTP/1.1", .invalidHost),
        RefusedRequest("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .bareLineFeed),
        RefusedRequest("GET / HTTP/1.1\nHost: a\r\n\r\n", .bareLineFeed),
        RefusedRequest("GET / HTTP/1.1\rHost: a\r\n\r\n", .bareCarriageReturn),
        RefusedRequest("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", .bareCarriageReturn),
        RefusedRequest("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", .controlCharacter),
        RefusedRequest("GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n", .controlCharacter),
        RefusedRequest("\u{16}\u{3}\u{1}\u{0}", .tlsOnPlainPort),
    ]

    static let hosts: [RefusedRequest] =
        [
            RefusedRequest("GET / HTTP/1.1\r\n\r\n", .missingHost),
            RefusedRequest("GET http://a/ HTTP/1.1\r\n\r\n", .missingHost),
            RefusedRequest("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .repeatedHost),
            RefusedRequest("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", .repeatedHost),
            RefusedRequest("GET http://b/ HTTP/1.1\r\nHost: a, b\r\n\r\n", .invalidHost),
        ]
        + [
            "", "a b", "a, b", "a/b", "a?b", "u@a", "a:b", "a:65536", "a:1:2", ":80", "[::1", "::1", "[]", "[g::1]",
            "[1::2::3]",
            "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[::1]a", "[::1]:x", "[::256.0.0.1]", "[::1.2.3]",
            "[fe80::1%25eth0]", "a%41",
            "a;b", "ä", "[12345::]", "[:1::2]", "[1:]", "[v1.a]",
        ].map { RefusedRequest("GET / HTTP/1.1\r\nHost: \($0)\r\n\r\n", .invalidHost) }

    static let fieldLines: [RefusedRequest] = [
        .lines("A : b", .spaceBeforeColon),
        .lines("A\t: b", .spaceBeforeColon),
        .lines("Content-Length : 5", .spaceBeforeColon),
        .lines(" A: b", .obsoleteFolding),
        .lines("A: b\r\n c", .obsoleteFolding),
        .lines("A: b\r\n\tc", .obsoleteFolding),
        .lines("A", .missingColon),
        .lines(": b", .emptyFieldName),
        .lines("A B: c", .invalidFieldName),
        .lines("A(B): c", .invalidFieldName),
        .lines("Ä: c", .invalidFieldName),
        .lines("A\0: c", .controlCharacter),
        .lines("A: b\0c", .controlCharacter),
        .lines("A: b\u{1b}c", .controlCharacter),
        .lines("A: b\u{7f}c", .controlCharacter),
        .lines("A: b\nC: d", .bareLineFeed),
        .lines("A: b\rC: d", .bareCarriageReturn),
        .lines("A: b\r\rC: d", .bareCarriageReturn),
        .lines("A: b\r\n\rC: d", .bareCarriageReturn),
        .lines("A: b\r\n\n", .bareLineFeed),
    ]

    /// Each option would be compared with each field.
    static let options: [RefusedRequest] = [
        .lines("Connection: " + String(repeating: "x,", count: 15_000), .tooManyConnectionOptions),
        .lines("Connection: " + String(repeating: ",", count: 15_000), .tooManyConnectionOptions),
        .lines(
            Array(repeating: "Connection: " + String(repeating: "q,", count: 20), count: 10).joined(separator: "\r\n"),
            .tooManyConnectionOptions),
    ]

    static let framings: [RefusedRequest] = [
        .lines("Content-Length: 5\r\nContent-Length: 6", .differingContentLengths),
        .lines("Content-Length: 5, 6", .differingContentLengths),
        .lines("Content-Length: 5,", .invalidContentLength),
        .lines("Content-Length: ,5", .invalidContentLength),
        .lines("Content-Length:", .invalidContentLength),
        .lines("Content-Length: +5", .invalidContentLength),
        .lines("Content-Length: -5", .invalidContentLength),
        .lines("Content-Length: 0x5", .invalidContentLength),
        .lines("Content-Length: 5 5", .invalidContentLength),
        .lines("Content-Length: 5.0", .invalidContentLength),
        .lines("Content-Length: \"5\"", .invalidContentLength),
        .lines("Content-Length: 9223372036854775808", .contentLengthOverflow),
        // 2^64 and what follows it: the last digit's addition overflows, and nothing before it does.
        .lines("Content-Length: 18446744073709551616", .contentLengthOverflow),
        .lines("Content-Length: 18446744073709551617", .contentLengthOverflow),
        .lines("Content-Length: 18446744073709551619", .contentLengthOverflow),
        .lines("Content-Length: 0018446744073709551616", .contentLengthOverflow),
        .lines("Content-Length: 0, 18446744073709551616", .contentLengthOverflow),
        .lines("Content-Length: 3\r\nContent-Length: 18446744073709551619", .contentLengthOverflow),
        .lines("Content-Length: 18446744073709551621", .contentLengthOverflow),
        .lines("Content-Length: 36893488147419103232", .contentLengthOverflow),
        .lines("Content-Length: 100000000000000000000000000000000000005", .contentLengthOverflow),
        .lines("Content-Length: 5\r\nTransfer-Encoding: chunked", .bothFramings),
        .lines("Transfer-Encoding: chunked\r\nContent-Length: 0", .bothFramings),
        .lines("Transfer-Encoding: gzip", .chunkedNotLast),
        .lines("Transfer-Encoding: identity", .chunkedNotLast),
        .lines("Transfer-Encoding: xchunked", .chunkedNotLast),
        .lines("Transfer-Encoding: chunked, gzip", .chunkedNotLast),
        .lines("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", .chunkedNotLast),
        .lines("Transfer-Encoding: chunked, chunked", .chunkedTwice),
        .lines("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .chunkedTwice),
        .lines("Transfer-Encoding: gzip, chunked", .unknownTransferCoding),
        .lines("Transfer-Encoding: foo\r\nTransfer-Encoding: chunked", .unknownTransferCoding),
        .lines("Transfer-Encoding:", .invalidTransferEncoding),
        .lines("Transfer-Encoding: chunked,", .invalidTransferEncoding),
        .lines("Transfer-Encoding: ,chunked", .invalidTransferEncoding),
        .lines("Transfer-Encoding: chunked;q=1", .invalidTransferEncoding),
        .lines("Transfer-Encoding: \"chunked\"", .invalidTransferEncoding),
        .lines("Transfer-Encoding: chun ked", .invalidTransferEncoding),
        .lines("Transfer-Encoding: \u{b}chunked", .controlCharacter),
        RefusedRequest(
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingOnHTTP10),
        RefusedRequest("TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", .contentNotAllowed),
        RefusedRequest("TRACE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", .contentNotAllowed),
        RefusedRequest("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", .contentNotAllowed),
    ]

    static let others: [RefusedRequest] = [
        .lines("Connection: close;a", .invalidConnection),
        .lines("Connection: \"close\"", .invalidConnection),
        .lines("Expect: 200-ok", .unknownExpectation),
        .lines("Expect: 100-continue, x", .unknownExpectation),
    ]
}
