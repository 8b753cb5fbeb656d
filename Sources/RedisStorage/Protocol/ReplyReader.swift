// hiredis's reader as a parser alone: bytes go in, replies come out. Its object functions are replaced, so that no
// reply object is ever made: a bulk string is handed over where it lies in the reader's buffer, and everything else is
// a number or a short text. RESP2 only. It knows neither sockets nor what a reply is for.

import CHiredis

/// What a reply is. The bytes of a bulk string were given to the reader's delegate before.
enum Reply: BitwiseCopyable {
    case status
    case error(RedisErrorKind)
    case integer(Int)
    case bulk
    case absent
    case array
}

/// Takes the bytes of bulk strings, which exist only while they are being parsed.
protocol ReplyReaderDelegate: AnyObject {
    /// A top-level bulk string has arrived; the `.bulk` that `next` returns stands for it. Called from within `next`:
    /// `bytes` belong to the reader and are gone after the call, and the reader must not be used during it.
    func replyReader(_ reader: ReplyReader, didReadBulk bytes: Span<UInt8>)
}

/// Parses the replies of one connection, on the thread of its owner. Nothing is allocated per reply.
@safe
final class ReplyReader {
    enum Step: BitwiseCopyable {
        case reply(Reply)
        /// More bytes are needed.
        case incomplete
        /// The bytes aren't RESP2; the connection can't be used any longer.
        case malformed
    }

    private let reader: UnsafeMutablePointer<redisReader>
    fileprivate var last = Reply.absent
    /// The owner of this reader, which outlives it.
    fileprivate unowned let delegate: any ReplyReaderDelegate

    /// hiredis moves what is left of its buffer after every thousand bytes consumed; small feeds keep that cheap.
    private static let feedCount = 16 << 10

    /// Nil when hiredis can't get memory.
    /// - Parameter delegate: not retained; must outlive the reader.
    init?(delegate: any ReplyReaderDelegate) {
        guard let reader = unsafe redisReaderCreateWithFunctions(replyFunctions) else { return nil }
        unsafe self.reader = reader
        self.delegate = delegate
        unsafe reader.pointee.privdata = Unmanaged.passUnretained(self).toOpaque()
        // An empty buffer up to this size is kept for the next replies.
        unsafe reader.pointee.maxbuf = 256 << 10
    }

    deinit {
        unsafe redisReaderFree(reader)
    }

    /// Takes a part of `bytes` from `offset` on and returns where the rest begins. To be followed by `next` until it is
    /// incomplete.
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
        return unsafe object == nil ? .incomplete : .reply(last)
    }
}

/// hiredis wants an object for each reply; this address stands for all of them and is never read nor freed.
private nonisolated(unsafe) let anyObject = unsafe UnsafeMutableRawPointer(bitPattern: 1)

/// Valid for the life of the process, and never changed: hiredis keeps the pointer in each reader.
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

/// Remembers a top-level reply; elements of arrays, which no command here asks for, pass unseen.
private func note(_ task: UnsafePointer<redisReadTask>?, _ make: (ReplyReader) -> Reply) -> UnsafeMutableRawPointer? {
    // The reader sets privdata at its start and lives through every call of hiredis that it makes itself.
    if let task = unsafe task, unsafe task.pointee.parent == nil, let context = unsafe task.pointee.privdata {
        let reader = unsafe Unmanaged<ReplyReader>.fromOpaque(context).takeUnretainedValue()
        reader.last = make(reader)
    }
    return unsafe anyObject
}
