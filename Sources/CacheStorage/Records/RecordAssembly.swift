// A record that comes back from another store, piece by piece: its description and the lengths of its parts are known
// first, then their bytes arrive in the order in which a record holds them. Beside it the short way for a record that
// is there in one piece.

import Glibc

/// The lengths of a record's parts.
package struct RecordLengths: Sendable, BitwiseCopyable, Equatable {
    package var keyText: Int
    package var varyNames: Int
    package var head: Int
    package var body: Int

    package init(keyText: Int, varyNames: Int, head: Int, body: Int) {
        self.keyText = keyText
        self.varyNames = varyNames
        self.head = head
        self.body = body
    }

    package var total: Int { keyText + varyNames + head + body }
}

/// Takes a record's bytes in order. Dropping it frees them.
@safe
package final class RecordAssembly {
    private let kind: StoredResponse.Kind
    private let description: RecordDescription
    private let lengths: RecordLengths
    private var block: UnsafeMutableRawPointer?
    private var filled = 0

    /// Nil when the lengths and the description don't fit together or memory can't be had.
    package init?(kind: StoredResponse.Kind, description: RecordDescription, lengths: RecordLengths) {
        guard description.etag.fits(headCount: lengths.head), description.lastModified.fits(headCount: lengths.head),
            let block = unsafe malloc(max(lengths.total, 1))
        else { return nil }
        self.kind = kind
        self.description = description
        self.lengths = lengths
        unsafe self.block = block
    }

    deinit {
        unsafe free(block)
    }

    /// Bytes that are still to come.
    package var missing: Int { lengths.total - filled }

    /// Takes the next bytes; `false` when they are more than were to come.
    package func append(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count <= missing, let block = unsafe block else { return false }
        _ = unsafe StoredResponse.copy(bytes, to: block + filled)
        filled += bytes.count
        return true
    }

    /// The record, once nothing is missing; nil before that, and after the first time.
    package func finish() -> StoredResponse? {
        guard missing == 0, let finished = unsafe block else { return nil }
        unsafe block = nil
        return unsafe StoredResponse(
            kind: kind, description: description, adopting: finished, keyTextCount: lengths.keyText,
            varyNamesCount: lengths.varyNames, headCount: lengths.head, bodyCount: lengths.body)
    }
}

extension StoredResponse {
    /// A record from `bytes`, which hold all its parts in order; nil when they don't fit together.
    package static func assembled(
        kind: Kind, description: RecordDescription, lengths: RecordLengths, from bytes: Span<UInt8>
    ) -> StoredResponse? {
        guard bytes.count == lengths.total, description.etag.fits(headCount: lengths.head),
            description.lastModified.fits(headCount: lengths.head), let block = unsafe malloc(max(bytes.count, 1))
        else { return nil }
        _ = unsafe copy(bytes, to: block)
        return unsafe StoredResponse(
            kind: kind, description: description, adopting: block, keyTextCount: lengths.keyText,
            varyNamesCount: lengths.varyNames, headCount: lengths.head, bodyCount: lengths.body)
    }
}
