// Certificates and keys from PEM files (RFC 7468), and what can be told of them before any client comes.

import COpenSSL
import Configuration
import Glibc

/// A chain as a file has it: first the certificate that a server or client shows, then those that vouch for it.
@safe
final class CertificateChain {
    /// At least one.
    let certificates: [OpaquePointer]
    /// Seconds since the epoch.
    let validFrom: Int64
    let validUntil: Int64

    /// No chain of the world's is longer; each one more is sent with every handshake.
    private static let bound = 16

    /// - Parameters:
    ///   - pem: the bytes of the file.
    ///   - path: for messages.
    init(pem: [UInt8], path: String, place: TLSFault.Place, bound: Int = CertificateChain.bound) throws(TLSFault) {
        var found = unsafe [OpaquePointer]()
        guard let bio = unsafe BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else {
            throw TLSFault(place, "out of memory")
        }
        ERR_clear_error()
        while unsafe found.count <= bound, let certificate = unsafe PEM_read_bio_X509(bio, nil, nil, nil) {
            unsafe found.append(certificate)
        }
        let error = ERR_peek_last_error()
        unsafe BIO_free(bio)
        let isEndOfFile = larder_tls_library(error) == ERR_LIB_PEM && larder_tls_reason(error) == PEM_R_NO_START_LINE
        ERR_clear_error()
        unsafe certificates = found
        (validFrom, validUntil) =
            unsafe found.first.map {
                unsafe (Self.seconds(X509_get0_notBefore($0)), Self.seconds(X509_get0_notAfter($0)))
            } ?? (0, 0)
        guard unsafe !found.isEmpty else {
            let isKey = String(decoding: pem.prefix(200), as: UTF8.self).contains("PRIVATE KEY-----")
            throw TLSFault(
                place,
                isKey
                    ? "\(path) has a key, not a certificate"
                    : isEndOfFile
                        ? "\(path) has no certificate in PEM form" : "\(path): \(OpenSSLError.text(of: error))")
        }
        guard unsafe found.count <= bound else { throw TLSFault(place, "\(path) has more than \(bound) certificates") }
        guard isEndOfFile else { throw TLSFault(place, "\(path): \(OpenSSLError.text(of: error))") }
    }

    deinit { for index in unsafe certificates.indices { unsafe X509_free(certificates[index]) } }

    var first: OpaquePointer { unsafe certificates[0] }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        guard let time = unsafe time else { return 0 }
        var parts = unsafe tm()
        guard unsafe ASN1_TIME_to_tm(time, &parts) == 1 else { return 0 }
        return Int64(unsafe timegm(&parts))
    }

    /// The names of hosts that it is for, in lower case; `*.` may begin one. Without any subjectAltName the common name counts,
    /// as for clients of old.
    var names: [String] {
        guard let list = unsafe larder_tls_names(first) else { return commonName.map { [$0] } ?? [] }
        defer { unsafe larder_tls_free_names(list) }
        return unsafe (0..<larder_tls_count_names(list)).compactMap { index in
            guard let name = unsafe larder_tls_host_name(list, index) else { return nil }
            return unsafe Self.text(ASN1_STRING_get0_data(name), ASN1_STRING_length(name))
        }
    }

    private var commonName: String? {
        let subject = unsafe X509_get_subject_name(first)
        let index = unsafe X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        guard index >= 0, let data = unsafe X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)) else {
            return nil
        }
        return unsafe Self.text(ASN1_STRING_get0_data(data), ASN1_STRING_length(data))
    }

    private static func text(_ bytes: UnsafePointer<UInt8>?, _ count: Int32) -> String? {
        guard let bytes = unsafe bytes, count > 0, count <= 253 else { return nil }
        let text = unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
        return text.contains("\0") ? nil : text.lowercased()
    }

    /// What kind of key it is about: one certificate of each kind may be for the same names.
    var keyKind: Int32 { unsafe X509_get0_pubkey(first).map { unsafe EVP_PKEY_get_base_id($0) } ?? 0 }

    /// What is wrong with it now.
    func timeFault(_ place: TLSFault.Place, path: String, now: Int64) -> TLSFault? {
        if now >= validUntil {
            return TLSFault(place, "the certificate in \(path) expired on \(Self.day(validUntil))", isAboutTime: true)
        }
        if now < validFrom {
            return TLSFault(
                place, "the certificate in \(path) is not valid before \(Self.day(validFrom))", isAboutTime: true)
        }
        for index in unsafe certificates.indices.dropFirst() {
            let certificate = unsafe certificates[index]
            let end = unsafe Self.seconds(X509_get0_notAfter(certificate))
            if now >= end {
                return TLSFault(
                    place, "an intermediate certificate in \(path) expired on \(Self.day(end))", isAboutTime: true)
            }
        }
        return nil
    }

    /// Whether each certificate is vouched for by the one behind it.
    func orderFault(_ place: TLSFault.Place, path: String) -> TLSFault? {
        for index in unsafe certificates.indices.dropLast()
        where unsafe X509_check_issued(certificates[index + 1], certificates[index]) != Int32(X509_V_OK) {
            return TLSFault(
                place,
                "certificate \(index + 2) in \(path) is not the issuer of certificate \(index + 1): the chain is wrong")
        }
        return nil
    }

    /// As `2026-11-27`.
    static func day(_ seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = unsafe tm()
        unsafe gmtime_r(&time, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (year, month, day) = unsafe (parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday)
        return "\(year)-\(two(month))-\(two(day))"
    }
}

/// A private key from a PEM file.
@safe
final class PrivateKey {
    let key: OpaquePointer

    init(pem: [UInt8], path: String, place: TLSFault.Place) throws(TLSFault) {
        guard let bio = unsafe BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else {
            throw TLSFault(place, "out of memory")
        }
        defer { unsafe BIO_free(bio) }
        ERR_clear_error()
        // Nobody is asked for the password of a key on the terminal.
        guard let key = unsafe PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil) else {
            let text = String(decoding: pem.prefix(4096), as: UTF8.self)
            ERR_clear_error()
            if text.contains("ENCRYPTED") {
                throw TLSFault(place, "the key in \(path) is encrypted: remove its password")
            }
            throw TLSFault(
                place,
                text.contains("BEGIN CERTIFICATE")
                    ? "\(path) has a certificate, not a key" : "\(path) has no private key in PEM form")
        }
        unsafe self.key = key
    }

    deinit { unsafe EVP_PKEY_free(key) }

    func fits(_ chain: CertificateChain) -> Bool {
        defer { ERR_clear_error() }
        return unsafe X509_check_private_key(chain.first, key) == 1
    }
}
