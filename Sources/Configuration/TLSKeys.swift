// The keys about TLS: of listeners, of upstreams and of Redis.

extension KeyDescription {
    static let listenerTLS = [
        KeyDescription(
            "server.listen.*.tls", "KEYS", nil,
            "Clients speak TLS on this address. Certificates that change on disk are used within ten seconds, and after a reload at once."
        ),
        KeyDescription(
            "server.listen.*.tls.certificates", "KEYS or list", nil,
            "Certificates, each with its key. The one for the name that a client asks for is used, exact names before wildcards; else the first."
        ),
        KeyDescription(
            "server.listen.*.tls.certificates.*.cert", "PATH", nil,
            "PEM file with the certificate, and behind it the intermediate ones (fullchain.pem)."),
        KeyDescription(
            "server.listen.*.tls.certificates.*.key", "PATH", nil, "PEM file with its private key, without a password."),
        KeyDescription(
            "server.listen.*.tls.min", "1.2 | 1.3", "\"1.2\"", "The oldest version of TLS that is accepted."),
        KeyDescription(
            "server.listen.*.tls.ciphers", "list of NAME", nil,
            "Ciphers by OpenSSL's names, preferred ones first; those that begin with TLS_ are TLS 1.3's. By default those with forward secrecy and authenticated encryption."
        ),
        KeyDescription(
            "server.listen.*.tls.client_ca", "PATH", nil,
            "PEM file of authorities: clients are to have a certificate of one of them."),
        KeyDescription(
            "server.listen.*.tls.client_auth", "require | optional", "require",
            "With client_ca, whether a client without a certificate is refused. One with a wrong certificate always is."
        ),
        KeyDescription(
            "server.listen.*.tls.ticket_keys", "PATH", nil,
            "File of session ticket keys, 80 random bytes each, the newest first: it encrypts, all decrypt. Instances that share it resume each other's sessions. By default each process has a key of its own and replaces it every 12 hours."
        ),
        KeyDescription(
            "server.listen.*.redirect", "https | https:PORT", nil,
            "Every request on this address is redirected (308) to the same URL with https; but for those that server.acme answers."
        ),
        KeyDescription(
            "server.acme", "PATH", nil,
            "Folder in which an ACME client such as certbot leaves challenges: a request for /.well-known/acme-challenge/NAME, on any host, gets the file of that name."
        ),
    ]

    static let upstreamTLS = [
        KeyDescription(
            "upstreams.*.tls", "KEYS", nil, "How the servers whose URLs are https are spoken to."),
        KeyDescription(
            "upstreams.*.tls.ca", "PATH", nil,
            "PEM file of the authorities whose certificates are believed. By default the system's."),
        KeyDescription(
            "upstreams.*.tls.server_name", "NAME", nil,
            "The name that servers are asked for, and that their certificates must have. By default the host of each server's URL."
        ),
        KeyDescription(
            "upstreams.*.tls.verify", "on | off", "on",
            "Whether servers' certificates are checked. Without that, whoever is on the way can read and change everything."
        ),
        KeyDescription(
            "upstreams.*.tls.cert", "PATH", nil, "PEM file with the certificate that Larder shows to servers that ask."),
        KeyDescription("upstreams.*.tls.key", "PATH", nil, "PEM file with its private key."),
    ]

    static let storeTLS = [
        KeyDescription("store.tls", "KEYS", nil, "How Redis is spoken to where its URL begins with rediss."),
        KeyDescription(
            "store.tls.ca", "PATH", nil,
            "PEM file of the authorities whose certificates are believed. By default the system's."),
        KeyDescription(
            "store.tls.server_name", "NAME", nil,
            "The name that servers are asked for, and that their certificates must have. By default the host of the URL; of a master that sentinels name, and of a node of a cluster, the host or address by which it is named there."
        ),
        KeyDescription(
            "store.tls.verify", "on | off", "on",
            "Whether servers' certificates are checked. Without that, whoever is on the way can read and change everything."
        ),
        KeyDescription(
            "store.tls.cert", "PATH", nil,
            "PEM file with the certificate that Larder shows to servers that ask, as Redis does by default (tls-auth-clients)."
        ),
        KeyDescription("store.tls.key", "PATH", nil, "PEM file with its private key."),
    ]
}
