import Foundation

// Certificates for tests, made by openssl(1) as they run.

package struct CertificatePaths: Sendable {
    package let chain: String
    package let key: String
}

/// A certificate authority with a folder of its own.
package struct TestAuthority: Sendable {
    package let folder: String
    /// Held while its list of certificates is written.
    private let list = Locked(())
    /// Its own certificate.
    package var certificate: String { "\(folder)/ca.pem" }

    package init(_ name: String = "Test authority") throws {
        folder = try TemporaryFolder.make("authority")
        let configuration = """
            [ca]
            default_ca = own
            [own]
            database = \(folder)/index
            serial = \(folder)/serial
            new_certs_dir = \(folder)
            default_md = sha256
            policy = any
            copy_extensions = copy
            unique_subject = no
            [any]
            commonName = supplied
            """
        try configuration.write(toFile: "\(folder)/ca.cnf", atomically: true, encoding: .utf8)
        try "".write(toFile: "\(folder)/index", atomically: true, encoding: .utf8)
        try "01\n".write(toFile: "\(folder)/serial", atomically: true, encoding: .utf8)
        try openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-keyout", "\(folder)/ca.key", "-out", certificate, "-subj", "/CN=\(name)",
        ])
    }

    /// - Parameters:
    ///   - names: as a subjectAltName has them, without `DNS:`; those of digits and dots are addresses.
    ///   - days: counted from now, for which it is valid.
    ///   - kind: `ec` or `rsa`.
    package func issue(
        _ name: String, names: [String], days: Range<Int> = -1..<30, kind: String = "ec"
    ) throws -> CertificatePaths {
        let base = "\(folder)/\(name)"
        let alternatives = names.map { $0.allSatisfy { $0.isNumber || $0 == "." } ? "IP:\($0)" : "DNS:\($0)" }
        let key = kind == "ec" ? ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] : ["rsa:2048"]
        try openssl(
            ["req", "-new", "-newkey"] + key + [
                "-nodes", "-keyout", "\(base).key", "-out", "\(base).csr", "-subj", "/CN=\(name)",
                "-addext", "subjectAltName=\(alternatives.joined(separator: ","))",
            ])
        let request = [
            "ca", "-batch", "-config", "\(folder)/ca.cnf", "-in", "\(base).csr", "-cert", certificate, "-keyfile",
            "\(folder)/ca.key", "-startdate", Self.date(days.lowerBound), "-enddate", Self.date(days.upperBound),
            "-notext", "-out", "\(base).pem",
        ]
        try list.withLock { _ in try openssl(request) }
        return CertificatePaths(chain: "\(base).pem", key: "\(base).key")
    }

    private static func date(_ days: Int) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "yyyyMMddHHmmss'Z'"
        return format.string(from: Date(timeIntervalSinceNow: Double(days) * 86_400))
    }
}

package func openssl(_ arguments: [String]) throws {
    let finished = try run(["openssl"] + arguments)
    guard finished.status == 0 else { throw HarnessError("openssl \(arguments[0]): \(finished.errors)") }
}
