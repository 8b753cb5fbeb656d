// Every way in which bytes can fail to be a valid message, in one table: the case, the status of the error response, a
// stable code for logs and problem documents, and a sentence that describes the fault without repeating the sender's
// bytes.

/// Why a message is rejected. Its connection can't be read any further.
package struct WireError: Error, Equatable, Sendable {
    /// Who sent the bytes. A client's fault has its own 4xx or 5xx; an origin's is always 502.
    package enum Sender: UInt8, Sendable {
        case client
        case origin
    }

    package let reason: Reason
    package let sender: Sender

    package init(_ reason: Reason, from sender: Sender) {
        self.reason = reason
        self.sender = sender
    }

    /// The status of the response to the client.
    package var status: Int { sender == .origin ? 502 : reason.description.status }
    /// A slug that is stable across releases.
    package var code: StaticString { reason.description.code }
    package var sentence: StaticString { reason.description.sentence }
}

extension WireError {
    /// Thrown by itself inside the module, where the sender isn't known yet.
    package enum Reason: UInt8, Error, Sendable, CaseIterable {
        // Bytes of a line
        case tlsOnPlainPort
        case plainHTTPOnTLSPort
        case bareLineFeed
        case bareCarriageReturn
        case controlCharacter
        // Start lines
        case invalidRequestLine
        case invalidStatusLine
        case invalidVersion
        case unsupportedVersion
        case invalidTarget
        case targetFormMismatch
        case invalidStatusCode
        // Field lines
        case emptyFieldName
        case invalidFieldName
        case spaceBeforeColon
        case missingColon
        case obsoleteFolding
        // Host
        case missingHost
        case repeatedHost
        case invalidHost
        // Framing
        case invalidContentLength
        case contentLengthOverflow
        case differingContentLengths
        case bothFramings
        case transferEncodingOnHTTP10
        case invalidTransferEncoding
        case chunkedNotLast
        case chunkedTwice
        case unknownTransferCoding
        case contentNotAllowed
        // Other fields
        case invalidConnection
        case unknownExpectation
        // Responses
        case unaskedNotModified
        case unofferedProtocol
        case malformedStream
        // Chunks
        case invalidChunkSize
        case chunkSizeOverflow
        case invalidChunkEnd
        case invalidTrailer
        // Limits
        case requestLineTooLong
        case headTooLarge
        case tooManyFields
        case contentTooLarge
        case chunkExtensionsTooLong
        case tooManyConnectionOptions
        case trailersTooLarge
        case tooManyTrailers
    }
}

extension WireError.Reason {
    /// `status` is the one for requests.
    fileprivate var description: (status: Int, code: StaticString, sentence: StaticString) {
        switch self {
        case .tlsOnPlainPort: (400, "tls-on-plain-port", "a TLS handshake arrived on a plain-text port")
        case .plainHTTPOnTLSPort: (400, "plain-http-on-tls-port", "plain HTTP arrived on a port for HTTPS")
        case .bareLineFeed: (400, "bare-line-feed", "a line ends with LF alone instead of CRLF")
        case .bareCarriageReturn: (400, "bare-carriage-return", "a CR is not followed by LF")
        case .controlCharacter: (400, "control-character", "the head contains a control character")
        case .invalidRequestLine:
            (
                400, "invalid-request-line",
                "the request line is not a method, a target and a version with one space between"
            )
        case .invalidStatusLine:
            (400, "invalid-status-line", "the status line is not a version, a status code and a reason")
        case .invalidVersion: (400, "invalid-version", "the protocol version is not of the form HTTP/1.1")
        case .unsupportedVersion: (505, "unsupported-version", "only HTTP/1.0 and HTTP/1.1 are supported")
        case .invalidTarget:
            (400, "invalid-target", "the request target holds a character or a form that a URI can't have")
        case .targetFormMismatch:
            (400, "target-form-mismatch", "this form of request target does not belong to this method")
        case .invalidStatusCode: (400, "invalid-status-code", "the status code is not between 100 and 599")
        case .emptyFieldName: (400, "empty-field-name", "a field line has no name before its colon")
        case .invalidFieldName: (400, "invalid-field-name", "a field name contains an invalid character")
        case .spaceBeforeColon: (400, "space-before-colon", "there is white space between a field name and its colon")
        case .missingColon: (400, "missing-colon", "a field line has no colon")
        case .obsoleteFolding:
            (400, "obsolete-folding", "a field line begins with white space, which is obsolete line folding")
        case .missingHost: (400, "missing-host", "an HTTP/1.1 request has no Host field")
        case .repeatedHost: (400, "repeated-host", "the request has more than one Host field")
        case .invalidHost: (400, "invalid-host", "the authority is not a host name or address with an optional port")
        case .invalidContentLength: (400, "invalid-content-length", "Content-Length is not a decimal number")
        case .contentLengthOverflow:
            (400, "content-length-overflow", "Content-Length is larger than any message can be")
        case .differingContentLengths:
            (400, "differing-content-lengths", "Content-Length is given twice with different values")
        case .bothFramings: (400, "both-framings", "the message has both Transfer-Encoding and Content-Length")
        case .transferEncodingOnHTTP10:
            (400, "transfer-encoding-on-http-1-0", "an HTTP/1.0 message has Transfer-Encoding")
        case .invalidTransferEncoding:
            (400, "invalid-transfer-encoding", "Transfer-Encoding is not a list of plain coding names")
        case .chunkedNotLast: (400, "chunked-not-last", "the last transfer coding is not chunked")
        case .chunkedTwice: (400, "chunked-twice", "the chunked coding is applied more than once")
        case .unknownTransferCoding:
            (501, "unknown-transfer-coding", "the message uses a transfer coding other than chunked")
        case .contentNotAllowed: (400, "content-not-allowed", "a request of this method can't have content")
        case .invalidConnection: (400, "invalid-connection", "Connection is not a list of option names")
        case .unknownExpectation: (417, "unknown-expectation", "Expect asks for something other than 100-continue")
        case .unaskedNotModified: (400, "unasked-not-modified", "a 304 is no response to a request without conditions")
        case .unofferedProtocol:
            (400, "unoffered-protocol", "a 101 switches to a protocol that the request did not offer")
        case .malformedStream: (400, "malformed-stream", "the message breaks a rule of HTTP/2")
        case .invalidChunkSize: (400, "invalid-chunk-size", "a chunk does not begin with a hexadecimal size and CRLF")
        case .chunkSizeOverflow: (400, "chunk-size-overflow", "a chunk size is too large")
        case .invalidChunkEnd: (400, "invalid-chunk-end", "the data of a chunk is not followed by CRLF")
        case .invalidTrailer: (400, "invalid-trailer", "a trailer line is not a valid field line")
        case .requestLineTooLong: (414, "request-line-too-long", "the request line is longer than the limit")
        case .headTooLarge: (431, "head-too-large", "the head is larger than the limit")
        case .tooManyFields: (431, "too-many-fields", "the head has more field lines than the limit")
        case .contentTooLarge: (413, "content-too-large", "the content is larger than the limit")
        case .chunkExtensionsTooLong:
            (400, "chunk-extensions-too-long", "the chunk extensions are longer than the limit")
        case .tooManyConnectionOptions:
            (431, "too-many-connection-options", "Connection has more options than a head may have fields")
        case .trailersTooLarge: (431, "trailers-too-large", "the trailer section is larger than the limit")
        case .tooManyTrailers: (431, "too-many-trailers", "the trailer section has more field lines than the limit")
        }
    }
}
