import Testing

@testable import Routing

@Suite("RFC 1321 §A.5: MD5")
struct MD5HasherTests {
    private static let known = [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"),
        (String(repeating: "1234567890", count: 8), "57edf4a22be3c955ac49da2e2107b67a"),
    ]

    @Test("The digests of the RFC's test suite are correct", arguments: known)
    func knownAnswers(text: String, hex: String) {
        #expect(MD5Hasher.digest(of: Array(text.utf8).span).hex == hex)
    }

    @Test("One hasher computes any number of digests, whole or in pieces, finished or abandoned")
    func reuse() {
        var hasher = MD5Hasher()
        for (text, hex) in Self.known {
            hasher.begin()
            hasher.update(Array("given up".utf8).span)
            hasher.begin()
            for byte in text.utf8 { hasher.update([byte].span) }
            #expect(hasher.finish().hex == hex)
        }
    }

    @Test("Every length around block boundaries is correct, split anywhere")
    func lengths() {
        // for n in range(300): text += md5(b"x" * n).hexdigest(), and the MD5 of all of that, by Python's hashlib.
        var all = ""
        for length in 0..<300 {
            let text = [UInt8](repeating: UInt8(ascii: "x"), count: length)
            let whole = MD5Hasher.digest(of: text.span)
            all += whole.hex
            for cut in [0, 1, length / 2, length] where cut <= length {
                var hasher = MD5Hasher()
                hasher.update(text.span.extracting(0..<cut))
                hasher.update(text.span.extracting(cut..<length))
                #expect(hasher.finish() == whole)
            }
        }
        #expect(MD5Hasher.digest(of: Array(all.utf8).span).hex == "c8cf0aebceae3562833d06d2c1f26d10")
    }
}
