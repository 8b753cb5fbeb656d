// Looks at the files of TLS once in a while: what has changed is taken on, and what can't be used is logged while the old stays. And
// tells of certificates that are about to expire.

import Configuration
import EventLoop
import TLS

/// Belongs to the control thread.
final class CertificateWatch {
    private let loop: EventLoop
    private let log: EventLog
    private let adopt: (TLSMaterial) -> Void
    private var timer: LoopTimer?
    private var configuration = Configuration()
    private var material = TLSMaterial()
    /// The files as they were when they were read last, well or not.
    private var stamps: [String: [Int64]] = [:]
    /// Whether what is in use is older than the files.
    private var isBehind = false
    private(set) var expiries: [CertificateExpiry] = []
    /// The day, since 1970, on which expiry was told of last.
    private var toldDay: Int64 = -1
    private var keyTime: MonotonicTime

    /// How often the files are looked at.
    private static let intervalMilliseconds: Int64 = 10_000
    /// How long the process encrypts tickets with one key of its own.
    private static let keyLifeMilliseconds: Int64 = 12 * 3_600_000
    /// Whoever renews certificates does so well before.
    private static let warningSeconds: Int64 = 14 * 86_400

    /// - Parameter adopt: called with what is to be used from now on.
    init(loop: EventLoop, log: EventLog, adopt: @escaping (TLSMaterial) -> Void) {
        self.loop = loop
        self.log = log
        self.adopt = adopt
        keyTime = loop.now
    }

    /// That configuration with what its files say is in use from now on.
    func follow(_ configuration: Configuration, _ material: TLSMaterial) {
        self.configuration = configuration
        self.material = material
        stamps = material.stamps
        isBehind = false
        expiries = material.expiries
        toldDay = -1
        tellExpiries()
        guard timer == nil, !stamps.isEmpty else { return }
        timer = LoopTimer(loop: loop) { [unowned self] in
            look()
            timer?.schedule(afterMilliseconds: Self.intervalMilliseconds)
        }
        timer?.schedule(afterMilliseconds: Self.intervalMilliseconds)
    }

    func stop() { timer = nil }

    private func look() {
        tellExpiries()
        let now = material.presentStamps
        let isNews = now != stamps
        let isKeyOld = loop.now.milliseconds(since: keyTime) >= Self.keyLifeMilliseconds
        // A certificate and its key are replaced one after the other: what doesn't fit now may do so the next time.
        if isKeyOld {
            // Whatever has become of the files.
            material.ticketKeys = TicketKeys(following: material.ticketKeys)
            keyTime = loop.now
            adopt(material)
        }
        guard isNews || isBehind else { return }
        stamps = now
        do throws(TLSMaterialFault) {
            let next = try TLSMaterial(configuration, after: material)
            log.write(.notice, "certificates have changed on disk and were reloaded")
            adopt(next)
            follow(configuration, next)
        } catch {
            isBehind = true
            guard isNews else { return }
            log.write(.error, "certificates have changed on disk and can't be used, the old ones stay in use: \(error)")
        }
    }

    private func tellExpiries() {
        let now = loop.wallMilliseconds / 1_000
        guard now / 86_400 != toldDay else { return }
        toldDay = now / 86_400
        for expiry in expiries where expiry.seconds - now < Self.warningSeconds {
            let name = expiry.name.isEmpty ? "" : " for \(expiry.name)"
            let verb = expiry.seconds <= now ? "expired" : "expires"
            log.write(.warning, "the certificate\(name) in \(expiry.path) \(verb) on \(expiry.day)")
        }
    }
}
