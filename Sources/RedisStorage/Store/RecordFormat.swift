// The format of a record in Redis, version 4. Anything else counts as a miss: another version, a truncated or altered
// value, another program's value under the same key.
//
//   offset  bytes                                      all numbers little-endian
//        0  4      magic "LRDR"
//        4  2      version
//        6  1      kind                                StoredResponse.Kind
//        7  1      1: the head has a Content-Length
//        8  8      id
//       16  8      discard at, ms since 1970
//       24  2 + 2  status, zero
//       28  4 × 4  ETag offset and count, Last-Modified offset and count, within the head
//       44  4 × 3  counts of key text, vary names, head
//       56  8      count of the body
//       64  56     StoredFacts
//      120  8      fence                              PurgePosition
//      128  16     MD5 of the URL, zero: not known    CacheKey
//      144  8      checksum of the first piece, without these 8 bytes
//      152         key text, vary names, head, body
//
// A record of more than `pieceCount` bytes is split: its first piece is `pieceCount` bytes of it, each further one a
// header of 24 bytes (magic "LRDP", number of the piece, id, checksum of the piece) and up to `pieceCount - 24` bytes of
// it. The pieces are consecutive in one value, so one DEL removes all of it; a reader that fetches them by GETRANGE detects
// by the id if another record has replaced the value in between, and by the checksums whether each byte is as it was
// written, piece by piece.

import Bytes
import CacheStorage
import HTTPCaching

enum RecordFormat {
    static let version: UInt16 = 4
    static let headerCount = 152
    static let pieceCount = 128 << 10
    static let pieceHeaderCount = 24
    static let pieceContentCount = pieceCount - pieceHeaderCount
    private static let magic: UInt32 = 0x5244_524C
    private static let pieceMagic: UInt32 = 0x5044_524C

    /// The decoded header of a record.
    struct Header {
        var kind: StoredResponse.Kind
        var description: RecordDescription
        var lengths: RecordLengths

        /// Bytes of the record, header included.
        var total: Int { headerCount + lengths.total }
        var pieces: Int { RecordFormat.pieces(of: total) }
    }

    /// How many pieces a record of `total` bytes has.
    static func pieces(of total: Int) -> Int {
        total <= pieceCount ? 1 : 1 + (total - pieceCount + pieceContentCount - 1) / pieceContentCount
    }

    /// The range of the record that piece `number` contains.
    static func contents(ofPiece number: Int, total: Int) -> Range<Int> {
        if number == 0 { return 0..<min(total, pieceCount) }
        let start = pieceCount + (number - 1) * pieceContentCount
        return start..<min(total, start + pieceContentCount)
    }

    /// The piece that contains the byte at `offset` of the record.
    static func piece(at offset: Int) -> Int {
        offset < pieceCount ? 0 : 1 + (offset - pieceCount) / pieceContentCount
    }

    /// Length of the value once the pieces up to and including `number` are written.
    static func valueCount(throughPiece number: Int, total: Int) -> Int {
        contents(ofPiece: number, total: total).upperBound + number * pieceHeaderCount
    }

    // MARK: Writing

    static func appendHeader(of record: StoredResponse, to output: inout ByteQueue, scratch: inout [UInt8]) {
        scratch.removeAll(keepingCapacity: true)
        let lengths = record.lengths
        let description = record.description
        putBeginning(of: record, &scratch)
        put(UInt64(bitPattern: description.discardAt.milliseconds), &scratch)
        put(UInt64(description.status) | UInt64(description.etag.offset) << 32, &scratch)
        put(UInt64(description.etag.count) | UInt64(description.lastModified.offset) << 32, &scratch)
        put(UInt64(description.lastModified.count) | UInt64(lengths.keyText) << 32, &scratch)
        put(UInt64(lengths.varyNames) | UInt64(lengths.head) << 32, &scratch)
        put(UInt64(lengths.body), &scratch)
        description.facts.write(to: &scratch)
        put(description.fence.word, &scratch)
        put(description.url.high, &scratch)
        put(description.url.low, &scratch)
        putChecksum(ofPiece: 0, of: record, &scratch)
        precondition(scratch.count == headerCount, "the header must have its fixed size")
        output.append(scratch.span)
    }

    private static func putBeginning(of record: StoredResponse, _ bytes: inout [UInt8]) { put(record.mark, &bytes) }

    private static func put(_ mark: RecordMark, _ bytes: inout [UInt8]) {
        put(firstWord(kind: mark.kind.rawValue, flag: mark.headHasContentLength), &bytes)
        put(mark.id, &bytes)
    }

    private static func firstWord(kind: UInt8, flag: Bool, version number: UInt16 = RecordFormat.version) -> UInt64 {
        UInt64(magic) | UInt64(number) << 32 | UInt64(kind) << 48 | (flag ? 1 << 56 : 0)
    }

    // MARK: Placeholders

    // Values of 32 bytes that stand at a record's key while there is none: the beginning of a record with kind 4 (the
    // placeholder of a fetch; the flag says that others wait for it) or 5 (a hit-for-miss marker), then instance and number of
    // the claim, and when it ends unless it is extended, which is for people: nothing compares it. Their version is always 0:
    // processes that can't read one another's records wait for one another's fetches all the same.
    static let placeholderCount = 32
    private static let placeholderVersion: UInt16 = 0
    private static let claimKind: UInt8 = 4
    private static let hitForMissKind: UInt8 = 5

    static func placeholder(of claim: StoreClaim, until end: WallTime) -> [UInt8] {
        var bytes = beginning(of: claim, kind: claimKind)
        put(UInt64(bitPattern: end.milliseconds), &bytes)
        return bytes
    }

    static func hitForMissMarker(of claim: StoreClaim, until end: WallTime) -> [UInt8] {
        var bytes = beginning(of: claim, kind: hitForMissKind)
        put(UInt64(bitPattern: end.milliseconds), &bytes)
        return bytes
    }

    private static func beginning(of claim: StoreClaim, kind: UInt8) -> [UInt8] {
        var bytes: [UInt8] = []
        put(firstWord(kind: kind, flag: claim.isShared, version: placeholderVersion), &bytes)
        put(claim.instance, &bytes)
        put(claim.number, &bytes)
        return bytes
    }

    /// What a value begins with that meets the fence, and no other.
    static func beginning(of fence: StoreFence) -> [UInt8] {
        switch fence {
        case .claim(let claim): return beginning(of: claim, kind: claimKind)
        case .value(let mark): return mark.bytes
        case .record(let mark):
            var bytes: [UInt8] = []
            put(mark, &bytes)
            return bytes
        }
    }

    /// What a value is that isn't the record which was looked for.
    static func occupant(_ bytes: Span<UInt8>) -> StoreOccupant {
        let mark = ValueMark(bytes)
        guard bytes.count == placeholderCount else { return StoreOccupant(.other, mark) }
        let first = word(bytes, 0)
        for isShared in [true, false] {
            if first == firstWord(kind: claimKind, flag: isShared, version: placeholderVersion) {
                let claim = StoreClaim(instance: word(bytes, 8), number: word(bytes, 16), isShared: isShared)
                return StoreOccupant(.claim(claim), mark)
            }
            if first == firstWord(kind: hitForMissKind, flag: isShared, version: placeholderVersion) {
                return StoreOccupant(.hitForMiss, mark)
            }
        }
        return StoreOccupant(.other, mark)
    }

    /// The header of piece `number`, which isn't the first.
    static func appendPieceHeader(
        _ number: Int, of record: StoredResponse, to output: inout ByteQueue, scratch: inout [UInt8]
    ) {
        scratch.removeAll(keepingCapacity: true)
        put(UInt64(pieceMagic) | UInt64(number) << 32, &scratch)
        put(record.id, &scratch)
        putChecksum(ofPiece: number, of: record, &scratch)
        output.append(scratch.span)
    }

    /// - Parameter header: the piece's header up to the checksum, which is appended.
    private static func putChecksum(ofPiece number: Int, of record: StoredResponse, _ header: inout [UInt8]) {
        let parts = parts(of: contents(ofPiece: number, total: headerCount + record.lengths.total), record.lengths)
        var checksum = RecordChecksum()
        checksum.add(header.span)
        checksum.add(record.prefix.extracting(parts.prefix))
        checksum.add(record.body.extracting(parts.body))
        put(checksum.sum, &header)
    }

    /// Appends the bytes at `range` of the serialised `record`, except those of the header.
    static func appendContents(of record: StoredResponse, _ range: Range<Int>, to output: inout ByteQueue) {
        let parts = parts(of: range, record.lengths)
        if !parts.prefix.isEmpty { output.append(record.prefix.extracting(parts.prefix)) }
        if !parts.body.isEmpty { output.append(record.body.extracting(parts.body)) }
    }

    /// What a range of the serialised record has of its prefix and of its body, without the header.
    private static func parts(
        of range: Range<Int>, _ lengths: RecordLengths
    ) -> (prefix: Range<Int>, body: Range<Int>) {
        let bodyStart = headerCount + lengths.total - lengths.body
        let prefix = range.clamped(to: headerCount..<bodyStart)
        let body = range.clamped(to: bodyStart..<bodyStart + lengths.body)
        return (
            prefix.lowerBound - headerCount..<prefix.upperBound - headerCount,
            body.lowerBound - bodyStart..<body.upperBound - bodyStart
        )
    }

    // MARK: Reading

    /// The header at the start of `bytes`, which is the whole first piece; nil for anything but a valid one of this version.
    static func readFirstPiece(_ bytes: Span<UInt8>) -> Header? {
        guard bytes.count >= headerCount else { return nil }
        let first = word(bytes, 0)
        guard UInt32(truncatingIfNeeded: first) == magic, UInt16(truncatingIfNeeded: first >> 32) == version,
            let kind = StoredResponse.Kind(rawValue: UInt8(truncatingIfNeeded: first >> 48)),
            let facts = StoredFacts(bytes: bytes.extracting(64..<120))
        else { return nil }
        let body = word(bytes, 56)
        guard body < 1 << 40 else { return nil }
        let lengths = RecordLengths(
            keyText: high(bytes, 40), varyNames: low(bytes, 48), head: high(bytes, 48), body: Int(body))
        let description = RecordDescription(
            id: word(bytes, 8), status: UInt16(truncatingIfNeeded: word(bytes, 24)),
            discardAt: WallTime(milliseconds: Int64(bitPattern: word(bytes, 16))), facts: facts,
            etag: HeadRange(offset: high(bytes, 24), count: low(bytes, 32)),
            lastModified: HeadRange(offset: high(bytes, 32), count: low(bytes, 40)),
            headHasContentLength: first >> 56 & 1 == 1, fence: PurgePosition(word: word(bytes, 120)),
            url: CacheKey(high: word(bytes, 128), low: word(bytes, 136)))
        let header = Header(kind: kind, description: description, lengths: lengths)
        return isIntact(bytes, piece: 0, headerCount: headerCount, of: header) ? header : nil
    }

    /// Whether `bytes` are piece `number`, not the first, of the record that begins with `header`, as they were written.
    static func isPiece(_ bytes: Span<UInt8>, number: Int, of header: Header) -> Bool {
        bytes.count >= pieceHeaderCount && word(bytes, 0) == UInt64(pieceMagic) | UInt64(number) << 32
            && word(bytes, 8) == header.description.id
            && isIntact(bytes, piece: number, headerCount: pieceHeaderCount, of: header)
    }

    /// Whether `bytes` have the length and the checksum of piece `number`, whose own header has `headerCount` bytes.
    private static func isIntact(
        _ bytes: Span<UInt8>, piece number: Int, headerCount: Int, of header: Header
    ) -> Bool {
        let parts = parts(of: contents(ofPiece: number, total: header.total), header.lengths)
        let ofPrefix = headerCount + parts.prefix.count
        guard bytes.count == ofPrefix + parts.body.count else { return false }
        var checksum = RecordChecksum()
        checksum.add(bytes.extracting(..<(headerCount - 8)))
        checksum.add(bytes.extracting(headerCount..<ofPrefix))
        checksum.add(bytes.extracting(ofPrefix...))
        return checksum.sum == word(bytes, headerCount - 8)
    }

    // MARK: Numbers

    private static func put(_ word: UInt64, _ bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }

    private static func word(_ bytes: Span<UInt8>, _ offset: Int) -> UInt64 {
        unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    private static func low(_ bytes: Span<UInt8>, _ offset: Int) -> Int {
        Int(word(bytes, offset) & 0xFFFF_FFFF)
    }

    private static func high(_ bytes: Span<UInt8>, _ offset: Int) -> Int {
        Int(word(bytes, offset) >> 32)
    }
}
