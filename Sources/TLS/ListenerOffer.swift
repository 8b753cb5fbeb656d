// What a listener offers its clients, asked from the contexts that it makes: what `check` says, and a scanner finds.

import COpenSSL
import Configuration

/// TLS as a listener speaks it.
package struct ListenerOffer: Equatable {
    /// By OpenSSL's names, in order of preference; none of a version that isn't spoken.
    package let tls13Ciphers: [String]
    /// Those that fit one of the certificates.
    package let tls12Ciphers: [String]
    /// Of the key exchange, in order of preference.
    package let groups: [String]
    /// The protocols behind it (RFC 7301), in order of preference.
    package let protocols: [String]

    /// - Parameter protocols: what may be spoken behind it.
    package init(_ settings: ListenerTLS, protocols: [String]) throws(TLSFault) {
        let contexts = try ServerContexts(
            ListenerCredentials(settings), ownKeys: TicketKeys(following: nil), protocols: protocols)
        let ciphers = contexts.ciphers
        tls13Ciphers = ciphers.filter(\.isTLS13).map(\.name)
        tls12Ciphers = ciphers.filter { !$0.isTLS13 }.map(\.name)
        groups = ServerContexts.groups.split(separator: ":").map(String.init)
        self.protocols = protocols
    }
}

extension ServerContexts {
    /// Of one context: all have the same ciphers, as far as their certificates' keys are of the kind.
    fileprivate var ciphers: [(name: String, isTLS13: Bool)] {
        guard let session = unsafe SSL_new(contexts[0]) else { return [] }
        defer { unsafe SSL_free(session) }
        guard let list = unsafe SSL_get1_supported_ciphers(session) else { return [] }
        defer { unsafe OPENSSL_sk_free(list) }
        var ciphers: [(name: String, isTLS13: Bool)] = []
        for index in 0..<(unsafe OPENSSL_sk_num(list)) {
            // Owned by the library, for as long as the process runs.
            guard let cipher = unsafe OPENSSL_sk_value(list, index).map({ OpaquePointer($0) }),
                let name = unsafe SSL_CIPHER_get_name(cipher), unsafe isUsable(cipher)
            else { continue }
            ciphers.append((unsafe String(cString: name), unsafe SSL_CIPHER_get_auth_nid(cipher) == NID_auth_any))
        }
        return ciphers
    }

    /// Whether a certificate has a key for it. No parameters for finite fields are ever made.
    private func isUsable(_ cipher: OpaquePointer) -> Bool {
        if unsafe SSL_CIPHER_get_kx_nid(cipher) == NID_kx_dhe { return false }
        return switch unsafe SSL_CIPHER_get_auth_nid(cipher) {
        case NID_auth_any: true
        case NID_auth_rsa: keyKinds.contains(EVP_PKEY_RSA)
        case NID_auth_ecdsa: !keyKinds.isDisjoint(with: [EVP_PKEY_EC, EVP_PKEY_ED25519, EVP_PKEY_ED448])
        default: false
        }
    }
}
