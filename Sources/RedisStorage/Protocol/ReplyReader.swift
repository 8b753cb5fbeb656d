// hiredis's reader, used as a parser only: bytes go in, replies come out. Its object functions are replaced, so that no
// reply object is created: a bulk string is passed on in place in the reader's buffer, and everything else is a number
// or a short text. Only arrays, which commands of the hit path don't reply with, are collected. RESP2 only. It knows
// neither sockets nor the purpose of a reply, so that it reads what is pushed to a subscriber as well.

import CHiredis

/// Receives what doesn't fit into a `Reply`. Called from within `ReplyReader.next`; the reader must not be used during it.
protocol ReplyReaderDelegate: AnyObject {
    /// A top-level bulk string has arrived; `next` then returns `.bulk` for it. `bytes` belong to the reader and are valid
    /// only during the call.
    func replyReader(_ reader: ReplyReader, didReadBulk bytes: Span<UInt8>)

    /// A top-level error of no known kind has arrived. `text` belongs to the reader.
    func replyReader(_ reader: ReplyReader, didReadUnknownError text: Span<UInt8>)

    /// A top-level error has arrived that says where the key is found. `text` belongs to the reader.
    func replyReader(_ reader: ReplyReader, didReadRedirection text: Span<UInt8>)

    /// Whether an array may come next. One that may not is malformed, and none of it is kept.
    func replyReaderTakesArray(_ reader: ReplyReader) -> Bool

    /// A top-level array has arrived; `next` then returns `.array` for it.
    func replyReader(_ reader: ReplyReader, didReadArray elements: [ReplyElement])
}

extension ReplyReaderDelegate {
    func replyReader(_ reader: ReplyReader, didReadUnknownError text: Span<UInt8>) {}
    func replyReader(_ reader: ReplyReader, didReadRedirection text: Span<UInt8>) {}
    func replyReaderTakesArray(_ reader: ReplyReader) -> Bool { false }
    func replyReader(_ reader: ReplyReader, didReadArray elements: [ReplyElement]) {}
}

/// Parses the replies of one connection, on the thread of its owner. Nothing is allocated per reply, other than for arrays.
@safe
final class ReplyReader {
    enum Step: BitwiseCopyable {
        case reply(Reply)
        /// More bytes are needed.
        case incomplete
        /// The bytes aren't RESP2, or more than is read of one reply; the connection can't be used any more.
        case malformed
    }

    private let reader: UnsafeMutablePointer<redisReader>
    fileprivate var last = Reply.absent
    /// The array that is being read.
    fileprivate var array: ArrayAssembly?
    fileprivate let arrayLimits: ArrayAssembly.Limits
    /// The owner of this reader; it outlives the reader.
    fileprivate unowned let delegate: any ReplyReaderDelegate

    /// hiredis moves the rest of its buffer after every thousand bytes consumed; small feeds keep that cheap.
    private static let feedCount = 16 << 10
    /// No command here has a longer reply, or element of one; a longer one is malformed, so that the buffer is limited.
    private static let longestReply = 1 << 20

    /// Nil if hiredis can't allocate memory.
    /// - Parameter delegate: not retained; must outlive the reader.
    init?(delegate: any ReplyReaderDelegate, arrayLimits: ArrayAssembly.Limits = .init()) {
        guard let reader = unsafe redisReaderCreateWithFunctions(replyFunctions) else { return nil }
        unsafe self.reader = reader
        self.delegate = delegate
        self.arrayLimits = arrayLimits
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

    fileprivate func deliverCompleteArray() {
        guard let elements = array?.complete else { return }
        array = nil
        delegate.replyReader(self, didReadArray: elements)
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
                let type = unsafe task!.pointee.type
                let string = unsafe UnsafeRawBufferPointer(start: text, count: count)
                return unsafe note(task) { reader in
                    let bytes = unsafe Span<UInt8>(_unsafeBytes: string)
                    switch type {
                    case REDIS_REPLY_ERROR:
                        let kind = RedisErrorKind(bytes)
                        if kind.isRedirection { reader.delegate.replyReader(reader, didReadRedirection: bytes) }
                        if kind == .other { reader.delegate.replyReader(reader, didReadUnknownError: bytes) }
                        return .error(kind)
                    case REDIS_REPLY_STATUS: return .status
                    default:
                        reader.delegate.replyReader(reader, didReadBulk: bytes)
                        return .bulk
                    }
                } element: {
                    switch type {
                    case REDIS_REPLY_ERROR: unsafe .error(Array(string))
                    case REDIS_REPLY_STATUS: unsafe .status(Array(string))
                    default: unsafe .bulk(Array(string))
                    }
                }
            },
            createArray: { task, count in unsafe beginArray(task, count: Int(count)) },
            createInteger: { task, value in
                unsafe note(task) { _ in
                    .integer(Int(value))
                } element: {
                    .integer(Int(value))
                }
            },
            createNil: { task in
                unsafe note(task) { _ in
                    .absent
                } element: {
                    .absent
                }
            },
            freeObject: { _ in }))
    return unsafe functions
}()

/// The reader that hiredis works for. It sets privdata when it is created, and it is alive during every call into hiredis,
/// since it makes them.
private func reader(of task: UnsafePointer<redisReadTask>?) -> (reader: ReplyReader, isTopLevel: Bool)? {
    guard let task = unsafe task, let context = unsafe task.pointee.privdata else { return nil }
    return unsafe (Unmanaged<ReplyReader>.fromOpaque(context).takeUnretainedValue(), task.pointee.parent == nil)
}

/// Takes a top-level reply, or an element of an array. Nil, which hiredis takes for a lack of memory, if the array is past
/// its limits.
private func note(
    _ task: UnsafePointer<redisReadTask>?, _ reply: (ReplyReader) -> Reply, element: () -> ReplyElement
) -> UnsafeMutableRawPointer? {
    guard let (reader, isTopLevel) = unsafe reader(of: task) else { return nil }
    if isTopLevel {
        reader.last = reply(reader)
        return unsafe anyObject
    }
    guard reader.array?.append(element()) == true else { return nil }
    reader.deliverCompleteArray()
    return unsafe anyObject
}

/// As `note`, for the head of an array, which its elements follow.
private func beginArray(_ task: UnsafePointer<redisReadTask>?, count: Int) -> UnsafeMutableRawPointer? {
    guard let (reader, isTopLevel) = unsafe reader(of: task) else { return nil }
    if isTopLevel {
        guard reader.delegate.replyReaderTakesArray(reader) else { return nil }
        reader.last = .array
        reader.array = ArrayAssembly(limits: reader.arrayLimits)
    }
    guard reader.array?.beginArray(of: count) == true else { return nil }
    reader.deliverCompleteArray()
    return unsafe anyObject
}
