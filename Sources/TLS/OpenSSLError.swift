// What OpenSSL says of an error, in words for an operator.

import COpenSSL
import EventLoop

enum OpenSSLError {
    /// The first error of this thread's queue, which is empty afterwards.
    static func take() -> String {
        let error = ERR_peek_error()
        defer { ERR_clear_error() }
        return text(of: error)
    }

    static func text(of error: UInt) -> String {
        guard error != 0, let reason = unsafe ERR_reason_error_string(error) else { return "no reason given" }
        return unsafe String(cString: reason)
    }

    /// What OpenSSL says of a handshake that has failed.
    static func handshakeFault(of session: OpaquePointer) -> HandshakeFault {
        let error = ERR_peek_error()
        let text = text(of: error)
        ERR_clear_error()
        let verification = unsafe SSL_get_verify_result(session)
        let isAboutPeer = larder_tls_library(error) == ERR_LIB_SSL
        let reason = larder_tls_reason(error)
        if isAboutPeer, reason == SSL_R_CERTIFICATE_VERIFY_FAILED || reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE {
            guard verification != Int(X509_V_OK), let sentence = unsafe X509_verify_cert_error_string(verification)
            else { return HandshakeFault(.untrusted(.unvouched), text) }
            return HandshakeFault(.untrusted(distrust(Int32(verification))), unsafe String(cString: sentence))
        }
        if isAboutPeer, reason == SSL_R_WRONG_VERSION_NUMBER { return HandshakeFault(.foreign, text) }
        // An alert of the peer's (RFC 8446 §6.2), of those that are about certificates: 42 to 49, and 116.
        let alert = Int(reason) - Int(SSL_AD_REASON_OFFSET)
        if isAboutPeer, (42...49).contains(alert) || alert == 116 { return HandshakeFault(.refused, text) }
        return HandshakeFault(.broken, text)
    }

    private static func distrust(_ verification: Int32) -> HandshakeFault.Distrust {
        switch verification {
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID: .expired
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: .misnamed
        default: .unvouched
        }
    }
}
