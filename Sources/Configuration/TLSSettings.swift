// `tls` of a listener, of an upstream and of Redis: files, versions and names. What is in the files is the TLS module's affair.

/// A certificate and its key, as paths of PEM files.
package struct CertificateFiles: Sendable, Hashable {
    /// The certificate, and behind it those that lead from it to an authority's.
    package var chain = ""
    package var key = ""

    package init() {}
}

package enum TLSVersion: String, Sendable, Hashable, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"
}

/// `server.listen.*.tls`.
package struct ListenerTLS: Sendable, Hashable {
    /// Whether clients are to have a certificate of `clientCA`'s.
    package enum ClientAuthentication: String, Sendable, Hashable, CaseIterable {
        case require
        /// Without one is all right, with a wrong one isn't.
        case optional
    }

    /// The first is for clients that name no host, or one that none of them is for.
    package var certificates: [CertificateFiles] = []
    package var minimum = TLSVersion.tls12
    /// In OpenSSL's names, of TLS 1.2 and 1.3; nil for those that Larder chooses.
    package var ciphers: [String]?
    package var clientCA: String?
    package var clientAuthentication = ClientAuthentication.require
    /// A file of keys for session tickets; nil: keys of the process's own.
    package var ticketKeys: String?

    package init() {}

    /// The files that it names.
    package var paths: [String] {
        certificates.flatMap { [$0.chain, $0.key] } + [clientCA, ticketKeys].compactMap { $0 }
    }
}

/// `upstreams.*.tls`, for those of its servers that are https; and `store.tls`, for a Redis that is rediss.
package struct UpstreamTLS: Sendable, Hashable {
    /// A file of authorities; nil: the system's.
    package var ca: String?
    /// What servers are asked for and must prove to be; nil: the host of each one's URL.
    package var serverName: String?
    package var verifies = true
    /// For servers that want to know who asks.
    package var certificate: CertificateFiles?

    package init() {}

    /// The files that it names.
    package var paths: [String] { [ca, certificate?.chain, certificate?.key].compactMap { $0 } }
}

/// What is wrong with the files or values of a `tls` section.
package struct TLSFault: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Place: Sendable, Hashable {
        /// Of that certificate in the list.
        case certificate(Int)
        case key(Int)
        case clientCA, ca, ticketKeys, ciphers
    }

    package let place: Place
    package let sentence: String
    /// Whether it is a matter of time: a listener does start with an expired certificate, but nobody should find that out from
    /// clients.
    package let isAboutTime: Bool

    package init(_ place: Place, _ sentence: String, isAboutTime: Bool = false) {
        self.place = place
        self.sentence = sentence
        self.isAboutTime = isAboutTime
    }

    package var description: String { sentence }
}
