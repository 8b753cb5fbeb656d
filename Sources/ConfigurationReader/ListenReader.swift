// `server.listen`: an address, a list of addresses, or for each a mapping that says more of it.

import Configuration

extension KeyedValues {
    /// The addresses with their positions; none if the key is missing. What is said of them is written to `server`.
    func readListen(into server: inout ServerSettings) -> [Listener] {
        guard let node = node("listen") else { return [] }
        let nodes: [YAMLNode]
        switch node.content {
        case .sequence(let list): nodes = list
        case .mapping: nodes = [node]
        case .scalar, .invalid:
            guard let listeners = list("listen", { text throws(ValueFault) in try ListenAddress(parsing: text) }) else {
                return []
            }
            server.listen = listeners.map(\.value)
            return listeners
        }
        var listeners: [Listener] = []
        for node in nodes.prefix(Self.listenersBound) {
            var address: ListenAddress?
            var readsProxyProtocol = false
            var takesH2C = false
            var takesHTTP2 = true
            if case .mapping = node.content {
                guard let keys = KeyedValues(node, path: "server.listen.*", in: reading) else { continue }
                if keys.node("address") == nil {
                    reading.faults.add(
                        node.position, "the listener has no `address`", hint: "add address: 127.0.0.1:8080")
                }
                keys.read("address", into: &address) { text throws(ValueFault) in try ListenAddress(parsing: text) }
                keys.read("proxy_protocol", into: &readsProxyProtocol)
                keys.read("h2c", into: &takesH2C)
                keys.read("http2", into: &takesHTTP2)
                if keys.node("http2") != nil, keys.node("tls") == nil {
                    keys.fault(
                        at: "http2", "`http2` has no effect without `tls`", hint: "without TLS, HTTP/2 is h2c: on")
                }
                if keys.node("h2c") != nil, keys.node("tls") != nil {
                    keys.fault(
                        at: "h2c", "`h2c` is HTTP/2 without TLS", hint: "behind `tls` it is http2: on, as by default")
                }
                if let address { TLSReader.read(keys, of: address, into: &server) }
            } else {
                address = reading.value(of: node, key: "listen") { text throws(ValueFault) in
                    try ListenAddress(parsing: text)
                }
            }
            guard let address else { continue }
            listeners.append((address, node.position))
            if !takesHTTP2 { server.http1Only.insert(address) }
            if takesH2C { server.h2c.insert(address) }
            if readsProxyProtocol { server.proxyProtocol.insert(address) }
        }
        if nodes.isEmpty { fault(at: "listen", "`listen` is empty") }
        if nodes.count > Self.listenersBound {
            fault(at: "listen", "`listen` has more than \(Self.listenersBound) addresses")
        }
        server.listen = listeners.map(\.value)
        return listeners
    }

    private static var listenersBound: Int { 64 }
}
