import Foundation
import TestSupport
import Testing

// An authority, a certificate for `a.test` and 127.0.0.1, and daemons that speak TLS with it.

struct TLSScene {
    let authority: TestAuthority
    let certificate: CertificatePaths

    static let shared = Result { try TLSScene() }

    private init() throws {
        authority = try TestAuthority()
        certificate = try authority.issue("server", names: ["a.test", "127.0.0.1"])
    }

    /// `tls` of a listener.
    func listener(_ more: String = "") -> String {
        "tls: {certificates: [{cert: \(certificate.chain), key: \(certificate.key)}]\(more)}"
    }

    /// A daemon that caches what the origin has, and speaks TLS.
    func larder(
        _ stage: Stage, _ origin: ScriptedOrigin, tls more: String = "",
        change: (inout LarderConfiguration) -> Void = { _ in }
    ) throws -> LarderProcess {
        var configuration = LarderConfiguration.caching(origin.url)
        configuration.listenerKeys = listener(more)
        change(&configuration)
        return try stage.larder(configuration)
    }

    /// curl, which believes the authority and knows where `a.test` and others are.
    func curl(_ larder: LarderProcess, _ arguments: String..., host: String = "a.test") throws -> Finished {
        try run(
            [
                "curl", "-sS", "--max-time", "30", "--cacert", authority.certificate, "--resolve",
                "\(host):\(larder.port):127.0.0.1",
            ] + arguments, within: 40)
    }

    func url(_ larder: LarderProcess, _ target: String, host: String = "a.test") -> String {
        "https://\(host):\(larder.port)\(target)"
    }

    static func program(_ name: String) -> String {
        DocumentationPage.checkout.appendingPathComponent("Tests/Programs/\(name)").path
    }

    /// What a client of a special kind prints.
    func client(_ mode: String, _ larder: LarderProcess) throws -> String {
        let finished = try run(
            ["python3", Self.program("tls_client.py"), mode, "\(larder.port)", authority.certificate], within: 60)
        return finished.output + finished.errors
    }

    /// What openssl s_client prints for some of its arguments; the connection is closed once the handshake is over.
    func openssl(_ larder: LarderProcess, _ arguments: String...) throws -> String {
        let script = "(sleep 0.3) | exec openssl s_client -connect 127.0.0.1:\(larder.port) \"$@\" 2>&1"
        return try run(["/bin/sh", "-c", script, "sh", "-CAfile", authority.certificate] + arguments).output
    }
}
