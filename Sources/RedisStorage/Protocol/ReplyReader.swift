// hiredis's reader, used as a parser only: bytes go in, replies come out. Its object functions are replaced, so that no
// reply object is created: a bulk string is passed on in place in the reader's buffer, and everything else is a number
// or a short text. RESP2 only. It knows neither sockets nor the purpose of a reply.

import CHiredis

/// A reply. The bytes of a bulk string were passed to the reader's delegate before.
enum Reply: BitwiseCopyable {
    case status
    case error(RedisErrorKind)
    case integer(Int)
    case bulk
    case absent
    case array
}

/// The type of a command's reply. Each command has one; any may be replied to with an error instead.
enum ReplyType: BitwiseCopyable {
    case status, integer, bulk
    /// Of a SET on a condition: nil where that isn't met.
    case statusOrAbsent

    /// Whether `reply` may be the reply to a command with this type.
    func accepts(_ reply: Reply) -> Bool {
        switch (reply, self) {
        case (.error, _), (.status, .status), (.integer, .integer), (.bulk, .bulk): true
        case (.status, .statusOrAbsent), (.absent, .statusOrAbsent): true
        case (.status, _), (.integer, _), (.bulk, _), (.absent, _), (.array, _): false
        }
    }
}

/// Receives the bytes of bulk strings, which are valid only while they are being parsed.
protocol ReplyReaderDelegate: AnyObject {
    /// A top-level bulk string has arrived; `next` then returns `.bulk` for it. Called from within `next`: `bytes`
    /// belong to the reader and are valid only during the call, and the reader must not be used during it.
    func replyReader(_ reader: ReplyReader, didReadBulk bytes: Span<UInt8>)
}

/// Parses the replies of one connection, on the thread of its owner. Nothing is allocated per reply.
@safe
final class ReplyReader {
    enum Step: BitwiseCopyable {
        case reply(Reply)
        /// More bytes are needed.
        case incomplete
        /// The bytes aren't RESP2; the connection can't be used any more.
        case malformed
    }

    private let reader: UnsafeMutablePointer<redisReader>
    fileprivate var last = Reply.absent
    /// The owner of this reader; it outlives the reader.
    fileprivate unowned let delegate: any ReplyReaderDelegate

    /// hiredis moves the rest of its buffer after every thousand bytes consumed; small feeds keep that cheap.
    private static let feedCount = 16 << 10
    /// No command here has a longer reply; a longer one is malformed, so that the buffer is limited.
    private static let longestReply = 1 << 20

    /// Nil if hiredis can't allocate memory.
    /// - Parameter delegate: not retained; must outlive the reader.
    init?(delegate: any ReplyReaderDelegate) {
        guard let reader = unsafe redisReaderCreateWithFunctions(replyFunctions) else { return nil }
        unsafe self.reader = reader
        self.delegate = delegate
        unsafe reader.pointee.privdata = Unmanaged.passUnretained(self).toOpaque()
        // An empty buffer of up to this size is kept for the next replies.
        unsafe reader.pointee.maxbuf = 256 << 10
    }

    deinit {
        unsafe redisReaderFree(reader)
    }

    /// Consumes a part of `bytes` from `offset` on and returns where the rest begins. Call `next` afterwards until it
    /// returns `incomplete`.
    func feed(_ bytes: Span<UInt8>, from offset: Int) -> Int {
        let count = min(Self.feedCount, bytes.count - offset)
        unsafe bytes.extracting(offset..<offset + count).withUnsafeBytes { part in
            _ = unsafe redisReaderFeed(reader, part.baseAddress!.assumingMemoryBound(to: CChar.self), part.count)
        }
        return offset + count
    }

    /// The next complete reply.
    func next() -> Step {
        var object: UnsafeMutableRawPointer?
        guard unsafe redisReaderGetReply(reader, &object) == REDIS_OK else { return .malformed }
        if unsafe object != nil { return .reply(last) }
        let waiting = unsafe reader.pointee.len - reader.pointee.pos
        return waiting > Self.longestReply ? .malformed : .incomplete
    }
}

/// hiredis expects an object for each reply; this dummy address represents all of them and is never read or freed.
private nonisolated(unsafe) let anyObject = unsafe UnsafeMutableRawPointer(bitPattern: 1)

/// Valid for the lifetime of the process and never changed: hiredis keeps the pointer in each reader.
private nonisolated(unsafe) let replyFunctions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
    let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
    unsafe functions.initialize(
        to: unsafe redisReplyObjectFunctions(
            createString: { task, text, count in
                unsafe note(task) { reader in
                    let bytes = unsafe Span<UInt8>(_unsafeBytes: UnsafeRawBufferPointer(start: text, count: count))
                    switch unsafe task!.pointee.type {
                    case REDIS_REPLY_ERROR: return .error(RedisErrorKind(bytes))
                    case REDIS_REPLY_STATUS: return .status
                    default:
                        reader.delegate.replyReader(reader, didReadBulk: bytes)
                        return .bulk
                    }
                }
            },
            createArray: { task, _ in unsafe note(task) { _ in .array } },
            createInteger: { task, value in unsafe note(task) { _ in .integer(Int(value)) } },
            createNil: { task in unsafe note(task) { _ in .absent } },
            freeObject: { _ in }))
    return unsafe functions
}()

/// Records a top-level reply; elements of arrays, which no command here returns, are ignored.
private func note(_ task: UnsafePointer<redisReadTask>?, _ make: (ReplyReader) -> Reply) -> UnsafeMutableRawPointer? {
    // The reader sets privdata when it is created, and it is alive during every call into hiredis, since it makes them.
    if let task = unsafe task, unsafe task.pointee.parent == nil, let context = unsafe task.pointee.privdata {
        let reader = unsafe Unmanaged<ReplyReader>.fromOpaque(context).takeUnretainedValue()
        reader.last = make(reader)
    }
    return unsafe anyObject
}
