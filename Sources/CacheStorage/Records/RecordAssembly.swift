// Assembles a record that another store returns piece by piece: its description and the lengths of its sections are
// known first, then their bytes arrive in the order of the record's layout. Also a shortcut for a record that arrives
// in one piece.

import Glibc

/// The lengths of a record's sections.
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

/// Collects a record's bytes in order. Releasing it frees them.
@safe
package final class RecordAssembly {
    private let kind: StoredResponse.Kind
    private let description: RecordDescription
    private let lengths: RecordLengths
    private var block: UnsafeMutableRawPointer?
    private var filled = 0
    private let budget: MemoryBudget?

    /// Nil if the lengths contradict the description, memory can't be allocated, or the budget is used up.
    package init?(
        kind: StoredResponse.Kind, description: RecordDescription, lengths: RecordLengths, budget: MemoryBudget? = nil
    ) {
        guard description.etag.fits(headCount: lengths.head), description.lastModified.fits(headCount: lengths.head)
        else { return nil }
        if let budget, !budget.reserve(lengths.total) { return nil }
        guard let block = unsafe malloc(max(lengths.total, 1)) else {
            budget?.release(lengths.total)
            return nil
        }
        self.budget = budget
        self.kind = kind
        self.description = description
        self.lengths = lengths
        unsafe self.block = block
    }

    deinit {
        guard let block = unsafe block else { return }
        unsafe free(block)
        budget?.release(lengths.total)
    }

    /// Bytes still missing.
    package var missing: Int { lengths.total - filled }

    /// Appends the next bytes; `false` if they are more than expected.
    package func append(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count <= missing, let block = unsafe block else { return false }
        _ = unsafe StoredResponse.copy(bytes, to: block + filled)
        filled += bytes.count
        return true
    }

    /// The record, once nothing is missing; nil before that, and on every later call.
    package func finish() -> StoredResponse? {
        guard missing == 0, let finished = unsafe block else { return nil }
        unsafe block = nil
        budget?.release(lengths.total)
        return unsafe StoredResponse(
            kind: kind, description: description, adopting: finished, keyTextCount: lengths.keyText,
            varyNamesCount: lengths.varyNames, headCount: lengths.head, bodyCount: lengths.body, budget: budget)
    }
}

extension StoredResponse {
    /// A record from `bytes`, which contain all its sections in order; nil if they contradict the lengths.
    /// - Parameter budget: where its memory counts as long as no memory store has it, unless it is very small.
    package static func assembled(
        kind: Kind, description: RecordDescription, lengths: RecordLengths, from bytes: Span<UInt8>,
        budget: MemoryBudget? = nil
    ) -> StoredResponse? {
        guard bytes.count == lengths.total, description.etag.fits(headCount: lengths.head),
            description.lastModified.fits(headCount: lengths.head), let block = unsafe malloc(max(bytes.count, 1))
        else { return nil }
        _ = unsafe copy(bytes, to: block)
        return unsafe StoredResponse(
            kind: kind, description: description, adopting: block, keyTextCount: lengths.keyText,
            varyNamesCount: lengths.varyNames, headCount: lengths.head, bodyCount: lengths.body,
            budget: lengths.total >= LiveRecords.smallest ? budget : nil)
    }
}
