// A listener's TLS as a worker has it: one context of OpenSSL's for each certificate, and the choice between them by the name
// that a client asks for (RFC 6066 §3). Nothing in it changes: a reload makes another one, and connections keep theirs.

import COpenSSL
import Configuration

/// Made and used on one worker's thread.
@safe
package final class ServerContexts {
    private(set) var contexts = unsafe [OpaquePointer]()
    /// Of all certificates.
    private(set) var keyKinds: Set<Int32> = []
    private var names = NameTable()
    private let tickets: TicketKeys.Table
    /// The protocols of RFC 7301 in the server's order, each with its length before it.
    private let protocols: [UInt8]

    /// Forward secrecy and authenticated encryption, nothing else.
    static let ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"
    /// OpenSSL's own list has finite fields as well: one handshake with ffdhe8192, which costs the client nothing that it
    /// doesn't want to spend, keeps a worker busy for 200 ms.
    static let groups = "X25519:P-256:P-384"
    /// Of `client_ca`.
    static let authorities = 1_000

    /// - Parameters:
    ///   - ownKeys: for session tickets where no file has them.
    ///   - protocols: what may be spoken behind it.
    package init(
        _ credentials: ListenerCredentials, ownKeys: TicketKeys, protocols: [String] = ["http/1.1"]
    ) throws(TLSFault) {
        tickets = TicketKeys.Table(credentials.ticketKeys ?? ownKeys)
        self.protocols = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        let settings = credentials.settings
        var kinds: [(names: [String], keys: Set<Int32>)] = []
        for (index, files) in settings.certificates.enumerated() {
            let bytes = credentials.certificates[index]
            let chain = try CertificateChain(pem: bytes.chain, path: files.chain, place: .certificate(index))
            let key = try PrivateKey(pem: bytes.key, path: files.key, place: .key(index))
            guard key.fits(chain) else {
                throw TLSFault(.key(index), "the key in \(files.key) does not fit the certificate in \(files.chain)")
            }
            keyKinds.insert(chain.keyKind)
            let names = chain.names
            // An RSA and an ECDSA certificate for the same names are one: which of the two is used is the client's choice.
            if let twin = kinds.firstIndex(where: { $0.names == names && !$0.keys.contains(chain.keyKind) }) {
                kinds[twin].keys.insert(chain.keyKind)
                try unsafe use(chain, key, in: contexts[twin], index, files)
                continue
            }
            let context = try unsafe makeContext(credentials)
            unsafe contexts.append(context)
            kinds.append((names, [chain.keyKind]))
            self.names.add(names, unsafe contexts.count - 1)
            try unsafe use(chain, key, in: context, index, files)
            if let authorities = credentials.authorities, let path = settings.clientCA {
                try unsafe demandClientCertificates(context, settings, authorities, path)
            }
        }
    }

    deinit { for index in unsafe contexts.indices { unsafe SSL_CTX_free(contexts[index]) } }

    /// A connection's; nil for want of memory.
    package func makeChannel(_ buffers: RecordBytes) -> TLSChannel? {
        unsafe TLSChannel(contexts[0], owner: self, isServer: true, buffers: buffers)
    }

    private func makeContext(_ credentials: ListenerCredentials) throws(TLSFault) -> OpaquePointer {
        let settings = credentials.settings
        guard let context = unsafe SSL_CTX_new(TLS_server_method()) else {
            throw TLSFault(.certificate(0), "out of memory")
        }
        unsafe larder_tls_set_options(context)
        _ = unsafe larder_tls_set_minimum(context, settings.minimum == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION)
        _ = unsafe larder_tls_set_groups(context, Self.groups)
        unsafe larder_tls_no_session_cache(context)
        unsafe SSL_CTX_set_num_tickets(context, 1)
        unsafe larder_tls_use_tickets(context, tickets.keys)
        // A session goes on only where the same authorities count.
        let name = MixedBytes.of((credentials.authorities ?? []) + Array("\(settings.clientAuthentication)".utf8))
        unsafe SSL_CTX_set_session_id_context(context, name, UInt32(name.count))
        do throws(TLSFault) { try unsafe CipherNames.use(settings.ciphers, in: context) } catch {
            unsafe SSL_CTX_free(context)
            throw error
        }
        // Valid as long as this object, which every channel keeps.
        let myself = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe larder_tls_on_server_name(
            context,
            { session, _, argument in
                unsafe Unmanaged<ServerContexts>.fromOpaque(argument!)._withUnsafeGuaranteedRef {
                    unsafe $0.choose(for: session!)
                }
            }, myself)
        unsafe SSL_CTX_set_alpn_select_cb(
            context,
            { _, chosen, count, offered, offeredCount, argument in
                unsafe Unmanaged<ServerContexts>.fromOpaque(argument!)._withUnsafeGuaranteedRef {
                    unsafe $0.chooseProtocol(chosen, count, offered, offeredCount)
                }
            }, myself)
        return unsafe context
    }

    private func use(
        _ chain: CertificateChain, _ key: PrivateKey, in context: OpaquePointer, _ index: Int, _ files: CertificateFiles
    ) throws(TLSFault) {
        ERR_clear_error()
        guard unsafe SSL_CTX_use_certificate(context, chain.first) == 1 else {
            throw TLSFault(
                .certificate(index), "the certificate in \(files.chain) can't be used: \(OpenSSLError.take())")
        }
        guard unsafe SSL_CTX_use_PrivateKey(context, key.key) == 1 else {
            throw TLSFault(.key(index), "the key in \(files.key) can't be used: \(OpenSSLError.take())")
        }
        for index in unsafe chain.certificates.indices.dropFirst() {
            let certificate = unsafe chain.certificates[index]
            guard unsafe larder_tls_add_chain(context, certificate) == 1 else {
                throw TLSFault(.certificate(index), "the chain in \(files.chain) can't be used: \(OpenSSLError.take())")
            }
        }
    }

    private func demandClientCertificates(
        _ context: OpaquePointer, _ settings: ListenerTLS, _ bytes: [UInt8], _ path: String
    ) throws(TLSFault) {
        let list = try CertificateChain(pem: bytes, path: path, place: .clientCA, bound: Self.authorities)
        let store = unsafe SSL_CTX_get_cert_store(context)
        for index in unsafe list.certificates.indices {
            let authority = unsafe list.certificates[index]
            guard unsafe X509_STORE_add_cert(store, authority) == 1,
                unsafe SSL_CTX_add_client_CA(context, authority) == 1
            else { throw TLSFault(.clientCA, "an authority in \(path) can't be used: \(OpenSSLError.take())") }
        }
        // Whoever is in the file is trusted, whether or not somebody vouches for it.
        unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        var mode = SSL_VERIFY_PEER
        if settings.clientAuthentication == .require { mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT }
        unsafe SSL_CTX_set_verify(context, mode, nil)
    }

    /// The client has named a host.
    private func choose(for session: OpaquePointer) -> Int32 {
        guard unsafe contexts.count > 1,
            let name = unsafe SSL_get_servername(session, Int32(TLSEXT_NAMETYPE_host_name)),
            let index = names.index(for: unsafe String(cString: name))
        else { return SSL_TLSEXT_ERR_OK }
        if index > 0 { unsafe larder_tls_set_context(session, contexts[index]) }
        return SSL_TLSEXT_ERR_OK
    }

    /// RFC 7301 §3.2: the first of this side's that the client has too; none is an error.
    private func chooseProtocol(
        _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ count: UnsafeMutablePointer<UInt8>?,
        _ offered: UnsafePointer<UInt8>?, _ offeredCount: UInt32
    ) -> Int32 {
        var start = 0
        while start < protocols.count {
            let length = Int(protocols[start])
            let name = protocols[(start + 1)...].prefix(length)
            start += 1 + length
            var place = 0
            while place < Int(offeredCount), let offered = unsafe offered {
                let size = Int(unsafe offered[place])
                guard place + 1 + size <= Int(offeredCount) else { break }
                if unsafe UnsafeBufferPointer(start: offered + place + 1, count: size).elementsEqual(name) {
                    unsafe chosen?.pointee = offered + place + 1
                    unsafe count?.pointee = UInt8(size)
                    return SSL_TLSEXT_ERR_OK
                }
                place += 1 + size
            }
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
}

/// Names of ciphers: those that begin with `TLS_` are TLS 1.3's, the others TLS 1.2's.
enum CipherNames {
    /// - Parameter names: nil for the usual ones.
    static func use(_ names: [String]?, in context: OpaquePointer) throws(TLSFault) {
        defer { ERR_clear_error() }
        guard let names else {
            guard unsafe SSL_CTX_set_cipher_list(context, ServerContexts.ciphers) == 1 else {
                throw TLSFault(.ciphers, "OpenSSL has none of the usual ciphers")
            }
            return
        }
        for name in names {
            let isKnown =
                name.hasPrefix("TLS_")
                ? unsafe SSL_CTX_set_ciphersuites(context, name) == 1
                : unsafe isAcceptable(name) && SSL_CTX_set_cipher_list(context, name) == 1
            guard isKnown else { throw TLSFault(.ciphers, "`\(name)` is not a cipher that OpenSSL would use") }
        }
        let new = names.filter { $0.hasPrefix("TLS_") }
        let old = names.filter { !$0.hasPrefix("TLS_") }
        if !new.isEmpty { unsafe SSL_CTX_set_ciphersuites(context, new.joined(separator: ":")) }
        unsafe SSL_CTX_set_cipher_list(context, old.isEmpty ? ServerContexts.ciphers : old.joined(separator: ":"))
    }

    /// Neither words that change how strict OpenSSL is, nor several names in one.
    private static func isAcceptable(_ name: String) -> Bool {
        !name.isEmpty && !name.contains { $0 == "@" || $0 == ":" || $0 == "," || $0 == " " || $0 == ";" }
    }
}

/// A name of 32 bytes for a text of any length, the same in every process.
enum MixedBytes {
    static func of(_ text: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        unsafe SHA256(text, text.count, &digest)
        return digest
    }
}
