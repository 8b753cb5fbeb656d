// A response on its way into the store, filled as its body arrives. It never grows past the bound for one object nor
// past the shared budget for all that are arriving, and never becomes a record unless `finish` says that the message is
// complete (RFC 9111 §3.3).

import Glibc
import HTTPCaching

/// Collects one response; dropping it frees what it holds.
///
/// `@unchecked Sendable`: one thread at a time. Whoever lets others read what has arrived holds a lock over every call.
@safe
package final class StoredResponseBuilder: @unchecked Sendable {
    /// Why a response can't be stored after all. The caller drops the builder and lets the body stream through.
    package enum Refusal: UInt8, Error, Sendable {
        /// The body is larger than `store.object` allows.
        case tooLarge
        /// The responses that are arriving hold all the memory they may.
        case budgetExhausted
        /// malloc had nothing.
        case outOfMemory
        /// The body has ended short of, or run past, the length that was announced.
        case wrongLength
    }

    private let description: RecordDescription
    private let budget: FillBudget
    private let objectLimit: Int
    private let announced: Int?
    private let keyTextCount: Int
    private let varyNamesCount: Int
    private let headCount: Int
    private var block: UnsafeMutableRawPointer?
    private var capacity: Int
    private var bodyCount = 0

    /// Bytes before the body in the block.
    private var bodyOffset: Int { keyTextCount + varyNamesCount + headCount }

    /// - Parameters:
    ///   - length: the body's length when the origin announced one; the block is then allocated once and exactly.
    ///   - objectLimit: `store.object`, in bytes of body.
    package init(
        _ description: RecordDescription, keyText: Span<UInt8>, varyNames: Span<UInt8>, head: Span<UInt8>,
        length: Int?, objectLimit: Int, budget: FillBudget
    ) throws(Refusal) {
        let prefix = keyText.count + varyNames.count + head.count
        if let length, length > objectLimit { throw .tooLarge }
        let capacity = prefix + max(length ?? Self.firstBodyCapacity, 0)
        guard budget.borrow(capacity) else { throw .budgetExhausted }
        guard let block = unsafe malloc(max(capacity, 1)) else {
            budget.giveBack(capacity)
            throw .outOfMemory
        }
        self.description = description
        self.budget = budget
        self.objectLimit = objectLimit
        self.announced = length
        self.keyTextCount = keyText.count
        self.varyNamesCount = varyNames.count
        self.headCount = head.count
        unsafe self.block = block
        self.capacity = capacity
        var end = unsafe StoredResponse.copy(keyText, to: block)
        unsafe end = StoredResponse.copy(varyNames, to: end)
        _ = unsafe StoredResponse.copy(head, to: end)
    }

    deinit {
        unsafe free(block)
        budget.giveBack(capacity)
    }

    /// Body bytes taken so far.
    package var count: Int { bodyCount }

    /// The body as far as it has come.
    package var arrived: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            let bytes = unsafe UnsafeRawBufferPointer(
                start: block.map { unsafe UnsafeRawPointer($0) + bodyOffset }, count: bodyCount)
            return unsafe _overrideLifetime(Span<UInt8>(_unsafeBytes: bytes), borrowing: self)
        }
    }

    /// The response without its body, to answer others from while that arrives; nil when memory can't be had.
    package func preview() -> StoredResponse? {
        let names = keyTextCount + varyNamesCount
        let prefix = self.prefix
        return StoredResponse.response(
            description, keyText: prefix.extracting(..<keyTextCount),
            varyNames: prefix.extracting(keyTextCount..<names), head: prefix.extracting(names...), body: Span())
    }

    /// What stands before the body.
    private var prefix: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            let bytes = unsafe UnsafeRawBufferPointer(start: UnsafeRawPointer(block), count: bodyOffset)
            return unsafe _overrideLifetime(Span<UInt8>(_unsafeBytes: bytes), borrowing: self)
        }
    }

    /// Takes the next piece of the body. After a refusal the builder is of no further use.
    package func append(_ piece: Span<UInt8>) throws(Refusal) {
        let total = bodyCount + piece.count
        if let announced, total > announced { throw .wrongLength }
        if total > objectLimit { throw .tooLarge }
        if bodyOffset + total > capacity { try grow(toHold: total) }
        guard let block = unsafe block else { preconditionFailure("a finished builder takes no more bytes") }
        _ = unsafe StoredResponse.copy(piece, to: block + bodyOffset + bodyCount)
        bodyCount = total
    }

    /// The complete response. To be called once, and only after the whole message arrived; gives the budget back.
    package func finish() throws(Refusal) -> StoredResponse {
        if let announced, announced != bodyCount { throw .wrongLength }
        guard let grown = unsafe block else { preconditionFailure("a builder finishes once") }
        let used = max(bodyOffset + bodyCount, 1)
        // A block that grew is cut to size; should realloc fail to, the larger one serves as well.
        let fitted = unsafe used < capacity ? (realloc(grown, used) ?? grown) : grown
        unsafe block = nil
        budget.giveBack(capacity)
        capacity = 0
        return unsafe StoredResponse(
            kind: .response, description: description, adopting: fitted, keyTextCount: keyTextCount,
            varyNamesCount: varyNamesCount, headCount: headCount, bodyCount: bodyCount)
    }

    /// Doubles the room for the body, within the object's bound. Large blocks move by remapping, not by copying.
    private func grow(toHold total: Int) throws(Refusal) {
        let room = min(max(total, 2 * (capacity - bodyOffset)), max(objectLimit, total))
        let wanted = bodyOffset + room
        guard budget.borrow(wanted - capacity) else { throw .budgetExhausted }
        guard let moved = unsafe realloc(block, wanted) else {
            budget.giveBack(wanted - capacity)
            throw .outOfMemory
        }
        unsafe block = moved
        capacity = wanted
    }

    /// Room for a body of unknown length to begin with; most API answers fit.
    private static let firstBodyCapacity = 4096
}
