// An array reply while it is being read: its elements arrive one by one, nested arrays included, and are collected within
// limits. Commands of the hit path have no such replies.

/// An element of an array reply, with a copy of its bytes.
enum ReplyElement: Equatable, Sendable {
    case bulk([UInt8])
    case integer(Int)
    case absent
    case array([ReplyElement])
    case status([UInt8])
    case error([UInt8])

    /// The bytes of a bulk string or a status; nil for everything else.
    var bytes: [UInt8]? {
        switch self {
        case .bulk(let bytes), .status(let bytes): bytes
        case .integer, .absent, .array, .error: nil
        }
    }

    var elements: [ReplyElement]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    var integer: Int? {
        if case .integer(let number) = self { number } else { nil }
    }
}

struct ArrayAssembly {
    /// What one array may have, nested ones included. What is more is malformed.
    struct Limits: BitwiseCopyable {
        /// As deep as hiredis goes.
        var depth = 7
        /// The most elements: the names of as many keys come in one message when a script removes them together.
        var elements = 1 << 17
        /// The most bytes of all strings together.
        var bytes = 8 << 20
    }

    private struct Level {
        var missing: Int
        var elements: [ReplyElement] = []
    }

    private let limits: Limits
    /// The array, the one within it that is being read, and so on.
    private var levels: [Level] = []
    private var elementsLeft: Int
    private var bytesLeft: Int
    /// The elements, once all are there.
    private(set) var complete: [ReplyElement]?

    init(limits: Limits) {
        self.limits = limits
        elementsLeft = limits.elements
        bytesLeft = limits.bytes
    }

    /// The array itself, or an array in it, begins and will have `count` elements. False past the limits.
    mutating func beginArray(of count: Int) -> Bool {
        guard 0...elementsLeft ~= count, levels.count < limits.depth else { return false }
        // Reserved at once for the whole array: an array of empty ones is bounded by this as well.
        elementsLeft -= count
        levels.append(Level(missing: count))
        // What is announced may never come, so memory for it isn't reserved.
        closeLevels()
        return true
    }

    /// The next element that isn't an array. False past the limits.
    mutating func append(_ element: ReplyElement) -> Bool {
        switch element {
        case .bulk(let bytes), .status(let bytes), .error(let bytes): bytesLeft -= bytes.count
        case .integer, .absent, .array: break
        }
        guard bytesLeft >= 0, !levels.isEmpty else { return false }
        levels[levels.count - 1].elements.append(element)
        levels[levels.count - 1].missing -= 1
        closeLevels()
        return true
    }

    /// Puts every array whose elements are all there into the one around it.
    private mutating func closeLevels() {
        while let last = levels.last, last.missing == 0 {
            levels.removeLast()
            guard !levels.isEmpty else {
                complete = last.elements
                return
            }
            levels[levels.count - 1].elements.append(.array(last.elements))
            levels[levels.count - 1].missing -= 1
        }
    }
}
