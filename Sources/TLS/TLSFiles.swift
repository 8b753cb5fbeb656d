// What the files of a listener's `tls` say, read at once, so that what was checked is what is used: all workers make their
// contexts of the same bytes, whatever becomes of the files.

import Configuration
import Glibc

/// Certificates, keys and authorities of one listener.
package struct ListenerCredentials: Sendable, Equatable {
    package let settings: ListenerTLS
    let certificates: [(chain: [UInt8], key: [UInt8])]
    let authorities: [UInt8]?
    /// Nil where the process's own keys serve.
    let ticketKeys: TicketKeys?

    package static func == (left: ListenerCredentials, right: ListenerCredentials) -> Bool {
        left.settings == right.settings && left.authorities == right.authorities && left.ticketKeys == right.ticketKeys
            && left.certificates.elementsEqual(right.certificates) { $0.chain == $1.chain && $0.key == $1.key }
    }

    /// Reads the files.
    package init(_ settings: ListenerTLS) throws(TLSFault) {
        self.settings = settings
        var certificates: [(chain: [UInt8], key: [UInt8])] = []
        for (index, files) in settings.certificates.enumerated() {
            let chain = try TLSFile.read(files.chain, .certificate(index))
            certificates.append((chain, try TLSFile.read(files.key, .key(index))))
        }
        self.certificates = certificates
        if let path = settings.clientCA {
            authorities = try TLSFile.read(path, .clientCA)
        } else {
            authorities = nil
        }
        if let path = settings.ticketKeys {
            ticketKeys = try TicketKeys(file: TLSFile.read(path, .ticketKeys), path: path)
        } else {
            ticketKeys = nil
        }
    }

    /// Everything that is wrong with the settings and their files, in the order of the file.
    package static func faults(in settings: ListenerTLS, now: Int64) -> [TLSFault] {
        var faults: [TLSFault] = []
        func note(_ work: () throws(TLSFault) -> Void) {
            do throws(TLSFault) { try work() } catch { faults.append(error) }
        }
        for (index, files) in settings.certificates.enumerated() {
            var chain: CertificateChain?
            note { () throws(TLSFault) in
                chain = try CertificateChain(
                    pem: TLSFile.read(files.chain, .certificate(index)), path: files.chain, place: .certificate(index))
            }
            note { () throws(TLSFault) in
                let key = try PrivateKey(pem: TLSFile.read(files.key, .key(index)), path: files.key, place: .key(index))
                guard let chain else { return }
                guard key.fits(chain) else {
                    throw TLSFault(
                        .key(index), "the key in \(files.key) does not fit the certificate in \(files.chain)")
                }
            }
            guard let chain else { continue }
            if let fault = chain.orderFault(.certificate(index), path: files.chain) { faults.append(fault) }
            if let fault = chain.timeFault(.certificate(index), path: files.chain, now: now) { faults.append(fault) }
        }
        // Weak keys and ciphers are what OpenSSL itself refuses.
        if faults.isEmpty {
            note { () throws(TLSFault) in
                _ = try ServerContexts(ListenerCredentials(settings), ownKeys: TicketKeys(following: nil))
            }
        } else {
            if let path = settings.clientCA {
                note { () throws(TLSFault) in
                    _ = try CertificateChain(
                        pem: TLSFile.read(path, .clientCA), path: path, place: .clientCA,
                        bound: ServerContexts.authorities)
                }
            }
            if let path = settings.ticketKeys {
                note { () throws(TLSFault) in _ = try TicketKeys(file: TLSFile.read(path, .ticketKeys), path: path) }
            }
        }
        return faults
    }

    package var hasTicketKeys: Bool { ticketKeys != nil }
}

/// When a certificate ends, for metrics and warnings.
package struct CertificateExpiry: Sendable, Equatable {
    package let path: String
    /// The first of its names.
    package let name: String
    /// Seconds since the epoch.
    package let seconds: Int64

    package var day: String { CertificateChain.day(seconds) }
}

extension ListenerCredentials {
    package var expiries: [CertificateExpiry] {
        zip(settings.certificates, certificates).enumerated().compactMap { index, entry in
            let (files, bytes) = entry
            guard
                let chain = try? CertificateChain(
                    pem: bytes.chain, path: files.chain, place: .certificate(index))
            else { return nil }
            return CertificateExpiry(path: files.chain, name: chain.names.first ?? "", seconds: chain.validUntil)
        }
    }
}

/// One file of PEM or key bytes.
package enum TLSFile {
    private static let bound = 4 << 20

    static func read(_ path: String, _ place: TLSFault.Place) throws(TLSFault) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw TLSFault(place, "cannot read \(path): \(message(errno))") }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TLSFault(place, "cannot read \(path): it is not a file")
        }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe Glibc.read(descriptor, &piece, piece.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw TLSFault(place, "cannot read \(path): \(message(errno))")
            }
            if count == 0 { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= bound else { throw TLSFault(place, "\(path) is larger than \(bound >> 20) MiB") }
        }
    }

    private static func message(_ code: Int32) -> String {
        unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    }

    /// What changes when a file is replaced or rewritten; the same for a file that isn't there.
    package static func stamp(_ path: String) -> [Int64] {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return [] }
        return [
            Int64(status.st_dev), Int64(bitPattern: UInt64(status.st_ino)), Int64(status.st_size),
            Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec),
        ]
    }
}
