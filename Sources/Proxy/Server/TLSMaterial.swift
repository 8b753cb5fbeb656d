// What the files of `tls` sections say, read at the start, at a reload and when they have changed.

import Configuration
import TLS

/// Why the files of a `tls` section can't be used.
struct TLSMaterialFault: Error, CustomStringConvertible {
    let description: String
}

/// Everything that the listeners, upstreams and the store of one configuration need for TLS.
package struct TLSMaterial: Sendable {
    package var listeners: [ListenAddress: ListenerCredentials] = [:]
    /// By the upstream's name, with the settings that each belongs to.
    var upstreams: [String: (settings: UpstreamTLS, context: ClientContext)] = [:]
    /// Nil where Redis isn't used, or is spoken to as it is.
    var store: (settings: UpstreamTLS, context: ClientContext)?
    /// Those of the process, for listeners that name no file of them.
    var ticketKeys = TicketKeys(following: nil)

    /// The files as they were before they were read: what changes while they are read is seen to have changed.
    private(set) var stamps: [String: [Int64]] = [:]

    package init() {}

    /// Reads the files, or throws.
    /// - Parameter previous: what of it hasn't changed is used again.
    init(_ configuration: Configuration, after previous: TLSMaterial?) throws(TLSMaterialFault) {
        if let previous { ticketKeys = previous.ticketKeys }
        stamps = Self.stamps(of: Self.paths(in: configuration))
        for (address, settings) in configuration.server.tls {
            do throws(TLSFault) {
                let credentials = try ListenerCredentials(settings)
                // The workers make theirs of the same bytes.
                _ = try ServerContexts(credentials, ownKeys: ticketKeys)
                listeners[address] = credentials
            } catch {
                throw TLSMaterialFault(description: "server.listen \(address): \(error)")
            }
        }
        for upstream in configuration.upstreams where upstream.servers.contains(where: \.isTLS) {
            if let known = previous?.upstreams[upstream.name], known.settings == upstream.tls, known.context.isCurrent {
                upstreams[upstream.name] = known
                continue
            }
            do throws(TLSFault) {
                upstreams[upstream.name] = (upstream.tls, try ClientContext(upstream.tls))
            } catch {
                throw TLSMaterialFault(description: "upstreams.\(upstream.name): \(error)")
            }
        }
        guard configuration.store.usesTLS else { return }
        let settings = configuration.store.tls
        if let known = previous?.store, known.settings == settings, known.context.isCurrent {
            store = known
            return
        }
        do throws(TLSFault) { store = (settings, try ClientContext(settings, protocols: [])) } catch {
            throw TLSMaterialFault(description: "store: \(error)")
        }
    }

    /// The files as they are now.
    var presentStamps: [String: [Int64]] { Self.stamps(of: stamps.keys) }

    private static func stamps(of paths: some Sequence<String>) -> [String: [Int64]] {
        Dictionary(paths.map { ($0, TLSFile.stamp($0)) }, uniquingKeysWith: { first, _ in first })
    }

    private static func paths(in configuration: Configuration) -> [String] {
        let upstreams = configuration.upstreams.filter { $0.servers.contains(where: \.isTLS) }.map(\.tls)
        let servers = upstreams + (configuration.store.usesTLS ? [configuration.store.tls] : [])
        return configuration.server.tls.values.flatMap(\.paths) + servers.flatMap(\.paths)
    }

    /// When the certificates of listeners expire; one of several listeners' once.
    var expiries: [CertificateExpiry] {
        var expiries: [CertificateExpiry] = []
        for (_, credentials) in listeners.sorted(by: { $0.key.description < $1.key.description }) {
            expiries += credentials.expiries.filter { !expiries.contains($0) }
        }
        return expiries
    }
}
