// Collects a response for the store while its body arrives. It never exceeds the limit for one object or the shared
// budget for all arriving responses, and becomes a record only if `finish` finds the message complete (RFC 9111 §3.3).

import Glibc
import HTTPCaching

/// Collects one response; releasing it frees its memory.
///
/// `@unchecked Sendable`: used by one thread at a time. An owner that lets other threads read the arrived bytes holds a
/// lock during every call.
@safe
package final class StoredResponseBuilder: @unchecked Sendable {
    /// Why a response can't be stored after all. The caller releases the builder and streams the body through.
    package enum Refusal: UInt8, Error, Sendable {
        /// The body is larger than `store.object` allows.
        case tooLarge
        /// The responses under way have used up the budget.
        case budgetExhausted
        /// malloc failed.
        case outOfMemory
        /// The body is shorter or longer than the announced length.
        case wrongLength
    }

    private let description: RecordDescription
    private let budget: MemoryBudget
    private let objectLimit: Int
    private let announced: Int?
    private let keyTextCount: Int
    private let varyNamesCount: Int
    private let headCount: Int
    private var block: UnsafeMutableRawPointer?
    private var capacity: Int
    /// How much of the capacity is reserved in the budget.
    private var reserved: Int
    private var bodyCount = 0

    /// Bytes before the body in the block.
    private var bodyOffset: Int { keyTextCount + varyNamesCount + headCount }

    /// - Parameters:
    ///   - length: the body's length when the origin announced one; the block is then allocated once and exactly.
    ///   - objectLimit: `store.object`, in bytes of body.
    ///   - first: how much of a body of known length the budget has to have room for at once; nil for all of it.
    package init(
        _ description: RecordDescription, keyText: Span<UInt8>, varyNames: Span<UInt8>, head: Span<UInt8>,
        length: Int?, reserving first: Int? = nil, objectLimit: Int, budget: MemoryBudget
    ) throws(Refusal) {
        let prefix = keyText.count + varyNames.count + head.count
        if let length, length > objectLimit { throw .tooLarge }
        let capacity = prefix + max(length ?? Self.firstBodyCapacity, 0)
        let reserved = min(capacity, first.map { prefix + $0 } ?? capacity)
        guard budget.reserve(reserved) else { throw .budgetExhausted }
        // What of the block nothing is written to takes no memory.
        guard let block = unsafe malloc(max(capacity, 1)) else {
            budget.release(reserved)
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
        self.reserved = reserved
        var end = unsafe StoredResponse.copy(keyText, to: block)
        unsafe end = StoredResponse.copy(varyNames, to: end)
        _ = unsafe StoredResponse.copy(head, to: end)
    }

    deinit {
        unsafe free(block)
        budget.release(reserved)
    }

    /// Body bytes collected so far.
    package var count: Int { bodyCount }

    /// The part of the body that has arrived.
    package var arrived: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            let bytes = unsafe UnsafeRawBufferPointer(
                start: block.map { unsafe UnsafeRawPointer($0) + bodyOffset }, count: bodyCount)
            return unsafe _overrideLifetime(Span<UInt8>(_unsafeBytes: bytes), borrowing: self)
        }
    }

    /// The response without its body, to serve coalesced requests while the body arrives; nil if memory can't be
    /// allocated.
    package func preview() -> StoredResponse? {
        let names = keyTextCount + varyNamesCount
        let prefix = self.prefix
        return StoredResponse.response(
            description, keyText: prefix.extracting(..<keyTextCount),
            varyNames: prefix.extracting(keyTextCount..<names), head: prefix.extracting(names...), body: Span())
    }

    /// Everything before the body: key text, vary names and head.
    private var prefix: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            let bytes = unsafe UnsafeRawBufferPointer(start: UnsafeRawPointer(block), count: bodyOffset)
            return unsafe _overrideLifetime(Span<UInt8>(_unsafeBytes: bytes), borrowing: self)
        }
    }

    /// Appends the next piece of the body. After an error the builder can't be used any more.
    package func append(_ piece: Span<UInt8>) throws(Refusal) {
        let total = bodyCount + piece.count
        if let announced, total > announced { throw .wrongLength }
        if total > objectLimit { throw .tooLarge }
        if bodyOffset + total > capacity { try grow(toHold: total) }
        if bodyOffset + total > reserved { guard reserveRest() else { throw .budgetExhausted } }
        guard let block = unsafe block else { preconditionFailure("a finished builder accepts no more bytes") }
        _ = unsafe StoredResponse.copy(piece, to: block + bodyOffset + bodyCount)
        bodyCount = total
    }

    /// Reserves what isn't reserved yet of a body whose length is known.
    /// - Parameter ifPlenty: see ``MemoryBudget/reserveIfPlenty(_:)``.
    package func reserveRest(ifPlenty: Bool = false) -> Bool {
        let rest = capacity - reserved
        guard rest == 0 || (ifPlenty ? budget.reserveIfPlenty(rest) : budget.reserve(rest)) else { return false }
        reserved = capacity
        return true
    }

    /// The complete response. Call it once, and only after the whole message has arrived; the record counts in the
    /// budget then, until a memory store has it.
    package func finish() throws(Refusal) -> StoredResponse {
        if let announced, announced != bodyCount { throw .wrongLength }
        guard let grown = unsafe block else { preconditionFailure("finish must be called only once") }
        let used = max(bodyOffset + bodyCount, 1)
        let fitted = unsafe used < capacity ? fit(grown, to: used) : grown
        unsafe block = nil
        budget.release(reserved)
        capacity = 0
        reserved = 0
        return unsafe StoredResponse(
            kind: .response, description: description, adopting: fitted, keyTextCount: keyTextCount,
            varyNamesCount: varyNamesCount, headCount: headCount, bodyCount: bodyCount, budget: budget)
    }

    /// Doubles the capacity for the body, within the object's limit. Large blocks move by remapping, not by copying.
    private func grow(toHold total: Int) throws(Refusal) {
        let room = min(max(total, 2 * (capacity - bodyOffset)), max(objectLimit, total))
        let wanted = bodyOffset + room
        guard budget.reserve(wanted - reserved) else { throw .budgetExhausted }
        guard let moved = unsafe realloc(block, wanted) else {
            budget.release(wanted - reserved)
            throw .outOfMemory
        }
        unsafe block = moved
        capacity = wanted
        reserved = wanted
    }

    /// A block of the exact size instead of one that grew; if there is no memory, the larger one. A mapping is trimmed. A
    /// smaller block is copied: trimmed in place, it would leave a gap that fits nothing that comes later, and a store
    /// full of such records would take 1.6 times its limit.
    @unsafe private func fit(_ grown: UnsafeMutableRawPointer, to count: Int) -> UnsafeMutableRawPointer {
        if MallocFootprint.isMapped(count) { return unsafe realloc(grown, count) ?? grown }
        guard let fitted = unsafe malloc(count) else { return unsafe grown }
        unsafe fitted.copyMemory(from: grown, byteCount: count)
        unsafe free(grown)
        return unsafe fitted
    }

    /// Initial capacity for a body of unknown length; most API responses fit.
    private static let firstBodyCapacity = 4096
}
