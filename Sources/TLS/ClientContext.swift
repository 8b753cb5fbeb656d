// TLS to the servers of an upstream, and to Redis: who is trusted, whom Larder says it is, and sessions to resume (RFC 8446 §2.2).

import Bytes
import COpenSSL
import Configuration

/// One per upstream, shared by all workers and the health checks; and one for Redis.
///
/// OpenSSL's context is not changed once it is made, and locks what it counts; the sessions have a lock of their own.
// Proof of Sendable: `context` is set in `init` alone, and OpenSSL allows SSL_new of one context on several threads.
@safe
package final class ClientContext: @unchecked Sendable {
    private let context: OpaquePointer
    private let settings: UpstreamTLS
    /// Its files as they were when they were read.
    private let stamps: [[Int64]]
    /// The newest session with each address, by its number.
    private let sessions = Locked<[Int: Session]>([:])
    /// Addresses of names come and go.
    private static let sessionsBound = 1_024

    // Proof of Sendable: OpenSSL counts references of a session with atomics, and nobody changes one.
    @safe
    private struct Session: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    /// - Parameter protocols: those that servers are offered (RFC 7301); none: nothing is said of that.
    package init(_ settings: UpstreamTLS, protocols: [String] = ["http/1.1"]) throws(TLSFault) {
        self.settings = settings
        stamps = settings.paths.map(TLSFile.stamp)
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else { throw TLSFault(.ca, "out of memory") }
        unsafe self.context = context
        unsafe larder_tls_set_options(context)
        _ = unsafe larder_tls_set_minimum(context, TLS1_2_VERSION)
        unsafe larder_tls_client_session_cache(context)
        unsafe SSL_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(self).toOpaque())
        unsafe SSL_CTX_sess_set_new_cb(context) { session, new in
            guard let session = unsafe session, let new = unsafe new,
                let owner = unsafe SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), 0)
            else { return 0 }
            let number = Int(bitPattern: unsafe SSL_get_ex_data(session, 0)) - 1
            // 1: the reference is the receiver's.
            return unsafe Unmanaged<ClientContext>.fromOpaque(owner)._withUnsafeGuaranteedRef {
                unsafe $0.keep(Session(pointer: new), number)
            }
        }
        ERR_clear_error()
        let names = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        if !names.isEmpty { unsafe SSL_CTX_set_alpn_protos(context, names, UInt32(names.count)) }
        unsafe SSL_CTX_set_verify(context, settings.verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        if let path = settings.ca {
            try trust(try TLSFile.read(path, .ca), path)
        } else {
            unsafe SSL_CTX_set_default_verify_paths(context)
        }
        if let files = settings.certificate { try show(files) }
        ERR_clear_error()
    }

    deinit {
        for session in sessions.withLock({ $0 }).values { unsafe SSL_SESSION_free(session.pointer) }
        unsafe SSL_CTX_free(context)
    }

    /// Whether its files haven't changed since they were read.
    package var isCurrent: Bool { settings.paths.map(TLSFile.stamp) == stamps }

    /// What is wrong with the settings and their files.
    package static func faults(in settings: UpstreamTLS, now: Int64) -> [TLSFault] {
        do throws(TLSFault) { _ = try ClientContext(settings) } catch { return [error] }
        guard let files = settings.certificate,
            let chain = try? CertificateChain(
                pem: TLSFile.read(files.chain, .certificate(0)), path: files.chain, place: .certificate(0))
        else { return [] }
        return chain.timeFault(.certificate(0), path: files.chain, now: now).map { [$0] } ?? []
    }

    private func trust(_ bytes: [UInt8], _ path: String) throws(TLSFault) {
        let list = try CertificateChain(pem: bytes, path: path, place: .ca, bound: ServerContexts.authorities)
        let store = unsafe SSL_CTX_get_cert_store(context)
        for index in unsafe list.certificates.indices {
            let authority = unsafe list.certificates[index]
            guard unsafe X509_STORE_add_cert(store, authority) == 1 else {
                throw TLSFault(.ca, "an authority in \(path) can't be used: \(OpenSSLError.take())")
            }
        }
        unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
    }

    private func show(_ files: CertificateFiles) throws(TLSFault) {
        let chain = try CertificateChain(
            pem: TLSFile.read(files.chain, .certificate(0)), path: files.chain, place: .certificate(0))
        let key = try PrivateKey(pem: TLSFile.read(files.key, .key(0)), path: files.key, place: .key(0))
        guard key.fits(chain) else {
            throw TLSFault(.key(0), "the key in \(files.key) does not fit the certificate in \(files.chain)")
        }
        guard unsafe SSL_CTX_use_certificate(context, chain.first) == 1,
            unsafe SSL_CTX_use_PrivateKey(context, key.key) == 1
        else {
            throw TLSFault(.certificate(0), "the certificate in \(files.chain) can't be used: \(OpenSSLError.take())")
        }
        for index in unsafe chain.certificates.indices.dropFirst() {
            let certificate = unsafe chain.certificates[index]
            _ = unsafe larder_tls_add_chain(context, certificate)
        }
    }

    // MARK: Connections

    /// RFC 7301 §3.1.
    private static let bothProtocols = [UInt8(2)] + Array("h2".utf8) + [UInt8(8)] + Array("http/1.1".utf8)

    /// - Parameters:
    ///   - offersHTTP2: beside HTTP/1.1, which is offered in any case.
    ///   - host: of the server's URL, a name or an address.
    ///   - number: of the address, for its sessions.
    /// - Returns: nil for want of memory.
    package func makeChannel(
        to host: String, number: Int, offersHTTP2: Bool = false, _ buffers: RecordBytes
    ) -> TLSChannel? {
        let name = settings.serverName ?? host
        let isAddress = IPAddress(name) != nil
        return unsafe TLSChannel(context, owner: self, isServer: false, buffers: buffers) { session in
            unsafe SSL_set_ex_data(session, 0, UnsafeMutableRawPointer(bitPattern: number + 1))
            if offersHTTP2 {
                let protocols = Self.bothProtocols
                guard unsafe SSL_set_alpn_protos(session, protocols, UInt32(protocols.count)) == 0 else { return false }
            }
            // RFC 6066 §3: addresses aren't named.
            if !isAddress, unsafe larder_tls_set_server_name(session, name) != 1 { return false }
            if settings.verifies {
                let parameters = unsafe SSL_get0_param(session)
                let isSet =
                    isAddress
                    ? unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, name) : unsafe SSL_set1_host(session, name)
                guard isSet == 1 else { return false }
            }
            sessions.withLock { sessions in
                if let known = sessions[number] { _ = unsafe SSL_set_session(session, known.pointer) }
            }
            return true
        }
    }

    private func keep(_ session: Session, _ number: Int) -> Int32 {
        guard number >= 0 else { return 0 }
        let before = sessions.withLock { sessions -> [Session] in
            if sessions.count >= Self.sessionsBound, sessions[number] == nil {
                defer { sessions = [number: session] }
                return Array(sessions.values)
            }
            return sessions.updateValue(session, forKey: number).map { [$0] } ?? []
        }
        for old in before { unsafe SSL_SESSION_free(old.pointer) }
        return 1
    }
}
