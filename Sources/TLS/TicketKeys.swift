// Keys of session tickets: 80 random bytes each, as nginx has them: a name of 16, then 32 for the MAC, then 32 for the cipher.
// The first one encrypts, and all of them decrypt.

import COpenSSL
import Configuration

package struct TicketKeys: Sendable, Equatable {
    /// Newest first; at least one.
    let bytes: [UInt8]

    static let size = 80
    static let bound = Int(LARDER_TLS_TICKET_KEYS)

    /// - Parameter file: what a file has.
    package init(file bytes: [UInt8], path: String) throws(TLSFault) {
        guard !bytes.isEmpty, bytes.count % Self.size == 0 else {
            throw TLSFault(
                .ticketKeys,
                "\(path) has \(bytes.count) bytes: a key is \(Self.size) random bytes, as from openssl rand \(Self.size)"
            )
        }
        guard bytes.count <= Self.size * Self.bound else {
            throw TLSFault(.ticketKeys, "\(path) has more than \(Self.bound) keys")
        }
        let names = (0..<bytes.count / Self.size).map { Array(bytes[($0 * Self.size)...].prefix(16)) }
        guard Set(names).count == names.count else {
            throw TLSFault(.ticketKeys, "\(path) has two keys whose first 16 bytes, their names, are the same")
        }
        self.bytes = bytes
    }

    /// A key of the process's own, with the ones before it.
    package init(following before: TicketKeys?) {
        var key = [UInt8](repeating: 0, count: Self.size)
        var system = SystemRandomNumberGenerator()
        for index in key.indices { key[index] = UInt8.random(in: .min ... .max, using: &system) }
        bytes = key + (before?.bytes.prefix(Self.size) ?? [])
    }

    var count: Int { bytes.count / Self.size }

    /// As the shim's callback reads them.
    @safe
    final class Table {
        let keys: UnsafeMutablePointer<larder_tls_ticket_keys>

        init(_ source: TicketKeys) {
            unsafe keys = .allocate(capacity: 1)
            unsafe keys.initialize(to: larder_tls_ticket_keys())
            unsafe keys.pointee.count = Int32(source.count)
            // The key's three parts stand in the file as in the structure.
            unsafe withUnsafeMutableBytes(of: &keys.pointee.keys) { unsafe $0.copyBytes(from: source.bytes) }
        }

        deinit {
            unsafe OPENSSL_cleanse(keys, MemoryLayout<larder_tls_ticket_keys>.size)
            unsafe keys.deallocate()
        }
    }
}
