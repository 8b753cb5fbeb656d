// What Larder answers itself for the sake of TLS, before any route is looked for: challenges of ACME (RFC 8555 §8.3), and where plain
// HTTP is redirected to.

import Bytes
import EventLoop
import HTTPSemantics
import HTTPWire

enum ACMEChallenge {
    private static let prefix = Array("/.well-known/acme-challenge/".utf8)
    private static let tokenBound = 200
    /// A key authorization is a token, a dot and a digest.
    private static let bound = 4_096

    /// The file of a challenge's name, which an ACME client has left in the folder. Without one the request goes on: another
    /// instance, or an upstream, may know of it.
    static func content(for head: borrowing RequestHead, _ bytes: Span<UInt8>, in folder: String) -> [UInt8]? {
        guard head.method == .get || head.method == .head else { return nil }
        let path = bytes.extracting(head.path)
        let count = path.count - prefix.count
        guard count > 0, count <= tokenBound else { return nil }
        for index in prefix.indices where path[index] != prefix[index] { return nil }
        let token = path.extracting(prefix.count...)
        // RFC 8555 §8.3: characters of base64url, so that no name leads out of the folder.
        for index in token.indices where !isTokenCharacter(token[index]) { return nil }
        return SmallFile.read("\(folder)/\(String(decoding: token.copied(), as: UTF8.self))", atMost: bound)
    }

    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

enum HTTPSRedirect {
    /// The same URL with https.
    /// - Returns: nil for a client that names no host: it can't be sent anywhere.
    static func location(of request: AdmittedRequest, port: UInt16) -> [UInt8]? {
        let bytes = request.bytes
        let authority = bytes.extracting(request.head.authority)
        guard !authority.isEmpty else { return nil }
        var location = ByteBuffer()
        location.append("https://")
        location.append(authority.extracting(..<hostLength(of: authority)))
        if port != 443 {
            location.append(":")
            location.append(decimal: Int(port))
        }
        location.append(request.target)
        return location.span.copied()
    }

    /// Without the port.
    private static func hostLength(of authority: Span<UInt8>) -> Int {
        var end = authority.count
        for index in authority.indices.reversed() {
            if authority[index] == UInt8(ascii: "]") { break }
            if authority[index] == UInt8(ascii: ":") { end = index }
        }
        return end
    }
}
