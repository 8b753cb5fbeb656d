import Configuration
import Foundation
import TestSupport
import Testing

@testable import TLS

/// What a suite's tests use of files.
private struct Files {
    let authority: TestAuthority
    let good: CertificatePaths
    let other: CertificatePaths

    init() throws {
        authority = try TestAuthority()
        good = try authority.issue("good", names: ["good.test", "*.good.test", "127.0.0.1"])
        other = try authority.issue("other", names: ["other.test"])
    }

    static let shared = Result { try Files() }
}

private let now = Int64(Date().timeIntervalSince1970)

private func settings(_ certificates: [(String, String)], _ change: (inout ListenerTLS) -> Void = { _ in })
    -> ListenerTLS
{
    var settings = ListenerTLS()
    settings.certificates = certificates.map { pair in
        var files = CertificateFiles()
        (files.chain, files.key) = pair
        return files
    }
    change(&settings)
    return settings
}

@Suite("Certificates, keys and ticket keys: what is wrong with them is said before any client comes")
struct CredentialTests {
    @Test("A certificate with its key has no fault, and tells its names and its end")
    func good() throws {
        let files = try Files.shared.get()
        let settings = settings([(files.good.chain, files.good.key)]) { $0.clientCA = files.authority.certificate }
        #expect(ListenerCredentials.faults(in: settings, now: now).isEmpty)
        let expiry = try #require(try ListenerCredentials(settings).expiries.first)
        #expect(expiry.name == "good.test" && expiry.path == files.good.chain)
        #expect(abs(expiry.seconds - now - 30 * 86_400) < 3_600)
    }

    @Test("A key of another certificate's doesn't fit")
    func mismatch() throws {
        let files = try Files.shared.get()
        let faults = ListenerCredentials.faults(in: settings([(files.good.chain, files.other.key)]), now: now)
        #expect(faults.map(\.place) == [.key(0)])
        #expect(
            faults[0].sentence == "the key in \(files.other.key) does not fit the certificate in \(files.good.chain)")
    }

    @Test("A certificate that has expired, or isn't valid yet, is a fault about time")
    func time() throws {
        let files = try Files.shared.get()
        let expired = try files.authority.issue("expired", names: ["a.test"], days: -10 ..< -2)
        let future = try files.authority.issue("future", names: ["a.test"], days: 2..<10)
        let faults = ListenerCredentials.faults(
            in: settings([(files.good.chain, files.good.key), (expired.chain, expired.key), (future.chain, future.key)]
            ),
            now: now)
        #expect(faults.map(\.place) == [.certificate(1), .certificate(2)] && faults.allSatisfy { $0.isAboutTime })
        #expect(faults[0].sentence.contains("expired on 20") && faults[1].sentence.contains("is not valid before 20"))
    }

    @Test("Files that are missing, or have something else in them, are named with what is wrong")
    func wrongFiles() throws {
        let files = try Files.shared.get()
        let folder = try TemporaryFolder.make("wrong")
        let garbage = "\(folder)/garbage"
        try "nothing of the kind\n".write(toFile: garbage, atomically: true, encoding: .utf8)
        let encrypted = "\(folder)/encrypted"
        try openssl(["ec", "-in", files.good.key, "-aes128", "-passout", "pass:secret", "-out", encrypted])
        func sentences(_ chain: String, _ key: String) -> [String] {
            ListenerCredentials.faults(in: settings([(chain, key)]), now: now).map(\.sentence)
        }
        #expect(
            sentences("\(folder)/missing", files.good.key)
                == ["cannot read \(folder)/missing: No such file or directory"])
        #expect(sentences(folder, files.good.key) == ["cannot read \(folder): it is not a file"])
        #expect(
            sentences(garbage, garbage) == [
                "\(garbage) has no certificate in PEM form", "\(garbage) has no private key in PEM form",
            ])
        #expect(
            sentences(files.good.key, files.good.chain)
                == [
                    "\(files.good.key) has a key, not a certificate",
                    "\(files.good.chain) has a certificate, not a key",
                ])
        #expect(sentences(files.good.chain, encrypted) == ["the key in \(encrypted) is encrypted: remove its password"])
    }

    @Test("A chain in which the next certificate isn't the issuer of the one before is wrong")
    func chain() throws {
        let files = try Files.shared.get()
        let path = "\(try TemporaryFolder.make("chain"))/chain.pem"
        func write(_ parts: [String]) throws {
            try parts.map { try String(contentsOfFile: $0, encoding: .utf8) }.joined()
                .write(toFile: path, atomically: true, encoding: .utf8)
        }
        try write([files.good.chain, files.authority.certificate])
        #expect(ListenerCredentials.faults(in: settings([(path, files.good.key)]), now: now).isEmpty)
        try write([files.good.chain, files.other.chain])
        let faults = ListenerCredentials.faults(in: settings([(path, files.good.key)]), now: now)
        #expect(
            faults.map(\.sentence) == [
                "certificate 2 in \(path) is not the issuer of certificate 1: the chain is wrong"
            ])
    }

    @Test("Ciphers have to be ones that OpenSSL would use, each by itself")
    func ciphers() throws {
        let files = try Files.shared.get()
        func faults(_ names: [String]) -> [String] {
            ListenerCredentials.faults(
                in: settings([(files.good.chain, files.good.key)]) { $0.ciphers = names }, now: now
            ).map(\.sentence)
        }
        #expect(faults(["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"]) == [])
        #expect(faults(["TLS_AES_128_GCM_SHA256"]) == [])
        for name in ["RC4-MD5", "TLS_NONE", "ALL:@SECLEVEL=0", "", "aes"] {
            #expect(
                faults(["ECDHE-ECDSA-AES128-GCM-SHA256", name]) == ["`\(name)` is not a cipher that OpenSSL would use"])
        }
    }

    @Test("An ECDSA and an RSA certificate for the same names are taken together")
    func twins() throws {
        let files = try Files.shared.get()
        let twin = try files.authority.issue("twin", names: ["good.test", "*.good.test", "127.0.0.1"], kind: "rsa")
        let settings = settings([(files.good.chain, files.good.key), (twin.chain, twin.key)])
        #expect(ListenerCredentials.faults(in: settings, now: now).isEmpty)
    }
}

@Suite("Keys of session tickets")
struct TicketKeyTests {
    private func sentence(_ bytes: [UInt8]) -> String? {
        do throws(TLSFault) {
            _ = try TicketKeys(file: bytes, path: "f")
            return nil
        } catch { return error.sentence }
    }

    @Test("80 bytes each, as many as 16, no two by one name")
    func file() {
        let keys = (0..<17).map { [UInt8](repeating: UInt8($0), count: 80) }
        #expect(sentence(keys[0]) == nil && sentence(keys[0] + keys[1]) == nil)
        #expect(sentence(keys[..<16].flatMap { $0 }) == nil)
        #expect(sentence(keys.flatMap { $0 }) == "f has more than 16 keys")
        #expect(sentence([])?.hasPrefix("f has 0 bytes") == true)
        #expect(sentence(Array(keys[0].dropLast()))?.hasPrefix("f has 79 bytes: a key is 80 random bytes") == true)
        #expect(sentence(keys[0] + keys[0])?.contains("are the same") == true)
    }

    @Test("The process's own key is a new one each time, and the one before still decrypts")
    func own() {
        let first = TicketKeys(following: nil)
        let second = TicketKeys(following: first)
        let third = TicketKeys(following: second)
        #expect(first.count == 1 && second.count == 2 && third.count == 2)
        #expect(second.bytes.suffix(80) == first.bytes[...] && third.bytes.suffix(80) == second.bytes.prefix(80))
        #expect(TicketKeys(following: nil) != first)
    }
}
