// A record as all stores hold and return it: immutable, reference-counted, with a serialised head and a contiguous
// body, so that a hit is served directly from the stored bytes. This file defines the memory layout and its accounting;
// it makes no caching decisions.
//
// One block holds `key text | vary names | head | body`, in addition to the object itself: two allocations. A response
// freshened by a 304 (RFC 9111 §4.3.4) has a block for its new head only and retains the older record's body.

import Glibc
import HTTPCaching
import Synchronization

/// A stored response, or the vary index of its variants. May be read and released on any thread.
///
/// `@unchecked Sendable`: every stored property is a `let`, what changes is atomic, the block is written only before `init` returns and is
/// freed only in `deinit`, so concurrent reads meet no write. The compiler can't see that through the pointer.
@safe
package final class StoredResponse: @unchecked Sendable {
    package enum Kind: UInt8, Sendable, BitwiseCopyable {
        /// A response with head and body.
        case response = 1
        /// The vary index, stored at the plain key of a resource that varies: the names of the request fields that
        /// select a variant, and a generation (its `id`) that is part of the key text of each variant. Without the
        /// index, its variants can't be found any more.
        case varyIndex = 2
        /// Parts of an incomplete response; `PartialResponse` interprets its body.
        case partial = 3
    }

    package let kind: Kind
    package let description: RecordDescription

    /// Bytes of memory that this record occupies: object, block, and a body shared with an older record.
    package let footprint: Int

    private let block: UnsafeMutableRawPointer
    private let keyTextCount: Int
    private let varyNamesCount: Int
    private let headCount: Int
    private let bodyStart: UnsafeRawPointer
    package let bodyCount: Int

    /// The record whose block contains the body, if it isn't this one. It never shares another record's body itself, so
    /// no chains form.
    private let bodyOwner: StoredResponse?

    /// Where its memory counts while no memory store has it; nil for what is small or soon gone.
    private let budget: MemoryBudget?
    /// How many places of a memory store hold it, or a record that shares its body.
    private let places = Atomic<Int>(0)
    /// How many clients its body waits for.
    private let pins = Atomic<Int>(0)
    /// At which revision of the purges it was found current last.
    private let checked = Atomic<UInt64>(0)

    /// Takes ownership of `block`, which is allocated by malloc, laid out as described above, and initialised up to the
    /// end of the body.
    @unsafe init(
        kind: Kind, description: RecordDescription, adopting block: UnsafeMutableRawPointer, keyTextCount: Int,
        varyNamesCount: Int, headCount: Int, bodyCount: Int, bodyOwner: StoredResponse? = nil,
        budget: MemoryBudget? = nil
    ) {
        self.kind = kind
        self.description = description
        unsafe self.block = block
        self.keyTextCount = keyTextCount
        self.varyNamesCount = varyNamesCount
        self.headCount = headCount
        self.bodyCount = bodyCount
        self.bodyOwner = bodyOwner
        self.budget = budget
        if let bodyOwner {
            unsafe self.bodyStart = bodyOwner.bodyStart
        } else {
            unsafe self.bodyStart = UnsafeRawPointer(block) + keyTextCount + varyNamesCount + headCount
        }
        let blockCount = keyTextCount + varyNamesCount + headCount + (bodyOwner == nil ? bodyCount : 0)
        self.footprint = MallocFootprint.bytes(holding: blockCount) + Self.objectFootprint + (bodyOwner?.footprint ?? 0)
        precondition(
            description.etag.fits(headCount: headCount) && description.lastModified.fits(headCount: headCount),
            "the validators lie within the head")
        budget?.hold(ownFootprint)
    }

    deinit {
        unsafe free(block)
        if places.load(ordering: .relaxed) == 0 { budget?.hold(-ownFootprint) }
    }

    // MARK: Memory

    /// Without a body that is another record's.
    private var ownFootprint: Int { footprint - (bodyOwner?.footprint ?? 0) }

    /// A memory store holds it from now on: its memory is the store's.
    func entered() {
        if places.wrappingAdd(1, ordering: .relaxed).oldValue == 0 { budget?.hold(-ownFootprint) }
        bodyOwner?.entered()
    }

    /// A memory store has let go of it; others may still hold it.
    func left() {
        if places.wrappingSubtract(1, ordering: .relaxed).newValue == 0 { budget?.hold(ownFootprint) }
        bodyOwner?.left()
    }

    /// Whether it was found current at this mark. One load.
    package func isCurrent(at mark: PurgeMark) -> Bool { checked.load(ordering: .relaxed) == mark.word }
    package func noteCurrent(at mark: PurgeMark) { checked.store(mark.word, ordering: .relaxed) }

    /// A client waits for its body, or doesn't any more.
    package func pin() { pins.wrappingAdd(1, ordering: .relaxed) }
    package func unpin() { pins.wrappingSubtract(1, ordering: .relaxed) }

    /// The part of one client that its body waits for in the memory that it holds beyond a memory store.
    package var shareOfPin: Int {
        let own = places.load(ordering: .relaxed) == 0 ? ownFootprint : 0
        let body = bodyOwner.map { $0.places.load(ordering: .relaxed) == 0 ? $0.footprint : 0 } ?? 0
        return (own + body) / max(pins.load(ordering: .relaxed), 1)
    }

    /// Whether it is a response with head and body, which may be served as it is.
    package var isResponse: Bool { kind == .response }
    package var isPartial: Bool { kind == .partial }
    package var id: UInt64 { description.id }
    package var mark: RecordMark {
        RecordMark(kind: kind, id: id, headHasContentLength: description.headHasContentLength)
    }
    package var status: UInt16 { description.status }
    package var discardAt: WallTime { description.discardAt }
    package var facts: StoredFacts { description.facts }

    /// The full text whose MD5 is the record's key.
    package var keyText: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            unsafe span(from: UnsafeRawPointer(block), count: keyTextCount)
        }
    }

    /// The names of the selecting request fields, lower case, separated by commas; empty if nothing varies (RFC 9110
    /// §12.5.5).
    package var varyNames: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            unsafe span(from: UnsafeRawPointer(block) + keyTextCount, count: varyNamesCount)
        }
    }

    /// Status line and end-to-end fields, each with its CRLF, without the empty line that ends a head.
    package var head: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            unsafe span(from: headPointer, count: headCount)
        }
    }

    package var body: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            unsafe span(from: bodyStart, count: bodyCount)
        }
    }

    /// The value of the `ETag` field, quotes and `W/` included; empty without one.
    package var etag: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            unsafe span(from: headPointer + Int(description.etag.offset), count: Int(description.etag.count))
        }
    }

    package var lastModified: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            let range = description.lastModified
            return unsafe span(from: headPointer + Int(range.offset), count: Int(range.count))
        }
    }

    /// Key text, vary names and head, which are contiguous; for stores that send them on.
    package var prefix: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            unsafe span(from: UnsafeRawPointer(block), count: keyTextCount + varyNamesCount + headCount)
        }
    }

    package var lengths: RecordLengths {
        RecordLengths(keyText: keyTextCount, varyNames: varyNamesCount, head: headCount, body: bodyCount)
    }

    /// The bytes of the body; valid while the caller retains the record.
    package var bodyBytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: bodyStart, count: bodyCount)
    }

    /// Whether this record's key text is `text`, byte for byte: two texts can have the same MD5.
    package func hasKeyText(_ text: Span<UInt8>) -> Bool {
        guard text.count == keyTextCount else { return false }
        return unsafe text.withUnsafeBytes { given in
            unsafe keyTextCount == 0 || memcmp(given.baseAddress!, block, keyTextCount) == 0
        }
    }

    /// The record whose block contains the body: this one, or the older one that it shares it with.
    var recordWithBody: StoredResponse { bodyOwner ?? self }
    /// The budget that a record made of this one counts in.
    var ownBudget: MemoryBudget? { budget }

    private var headPointer: UnsafeRawPointer {
        unsafe UnsafeRawPointer(block) + keyTextCount + varyNamesCount
    }

    /// A view of the block. It borrows from the record, and the block lives exactly as long as the record does.
    @_lifetime(borrow self)
    private borrowing func span(from start: UnsafeRawPointer, count: Int) -> Span<UInt8> {
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
        return unsafe _overrideLifetime(Span<UInt8>(_unsafeBytes: bytes), borrowing: self)
    }

    /// Bytes of the object itself: header, kind, description, eight words of layout, three of the memory's accounting.
    private static let objectFootprint = MallocFootprint.bytes(
        holding: 16 + 8 + MemoryLayout<RecordDescription>.stride + 11 * MemoryLayout<Int>.size)
}
