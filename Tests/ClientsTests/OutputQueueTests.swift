import Bytes
import CacheStorage
import EventLoop
import Glibc
import TestRandomness
import Testing

@testable import Clients

// What a client hasn't taken yet, against a plain model: an array of bytes.

@Suite("The output queue: what a client hasn't taken yet")
struct OutputQueueTests {
    /// What the queue offers at once, as one that takes everything would see it.
    private func offered(_ queue: borrowing OutputQueue, _ socket: Socket, _ other: Int32) -> [UInt8] {
        guard case .wrote(let count) = queue.send(on: socket) else { return [] }
        var buffer = [UInt8](repeating: 0, count: max(count, 1))
        let read = buffer.withUnsafeMutableBytes { recv(other, $0.baseAddress, $0.count, 0) }
        return Array(buffer[..<max(read, 0)])
    }

    @Test("Whatever is appended, pinned and taken, in pieces of any size, the rest is offered in order")
    func random() {
        let loop = EventLoop(inputCapacity: 4096)
        let (ours, theirs) = unixPair()
        let socket = Socket(loop: loop, descriptor: ours)
        var queue = OutputQueue()
        var next: UInt8 = 0
        func bytes(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in
                next &+= 1
                return next
            }
        }
        for seed in 0..<400 as Range<UInt64> {
            var random = SeededGenerator(history: seed)
            var model: [UInt8] = []
            var isPinned = false
            for _ in 0..<Int.random(in: 1...24, using: &random) {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<3 where !isPinned:
                    let piece = bytes(Int.random(in: 0...40, using: &random))
                    queue.append(piece.span)
                    model += piece
                case 3 where !isPinned:
                    // A part of it was taken with what came before it, or not even that.
                    let piece = bytes(Int.random(in: 0...40, using: &random))
                    let taken = Int.random(in: -10...50, using: &random)
                    queue.append(piece.span, after: taken)
                    model += piece.dropFirst(min(max(taken, 0), piece.count))
                case 4 where !isPinned:
                    let body = bytes(Int.random(in: 1...60, using: &random))
                    let start = Int.random(in: 0...body.count, using: &random)
                    let end = Int.random(in: start...body.count, using: &random)
                    let tail = start < end ? bytes(Int.random(in: 0...9, using: &random)) : []
                    queue.pin(storedResponse(body: body), start..<end, tail: tail)
                    model += body[start..<end] + tail
                    isPinned = true
                case 5 where !isPinned:
                    let body = bytes(Int.random(in: 0...90, using: &random))
                    var parts = StoredParts()
                    for _ in 0..<Int.random(in: 1...5, using: &random) {
                        let start = Int.random(in: 0...body.count, using: &random)
                        let end = Int.random(in: start...body.count, using: &random)
                        let lines = bytes(Int.random(in: 0...9, using: &random))
                        parts.append(start..<end) { $0 += lines }
                        model += lines + body[start..<end]
                    }
                    let last = bytes(Int.random(in: 0...9, using: &random))
                    parts.end { $0 += last }
                    model += last
                    queue.pin(storedResponse(body: body), parts)
                    isPinned = true
                default:
                    let offered = queue.offered
                    let count = Int.random(in: 0...offered, using: &random)
                    queue.remove(count)
                    model.removeFirst(count)
                }
                let isEmpty = queue.isEmpty
                #expect(isEmpty == model.isEmpty, "seed \(seed)")
                if isEmpty { continue }
                let rest = offered(queue, socket, theirs)
                let count = queue.offered
                #expect(rest.count == count && model.starts(with: rest) && !rest.isEmpty, "seed \(seed)")
            }
            if seed.isMultiple(of: 2) {
                queue.removeAll()
                continue
            }
            while true {
                let count = queue.offered
                if count == 0 { break }
                let rest = offered(queue, socket, theirs)
                #expect(model.starts(with: rest), "seed \(seed)")
                model.removeFirst(count)
                queue.remove(count)
            }
            #expect(model.isEmpty, "seed \(seed)")
        }
        socket.close()
        _ = Glibc.close(theirs)
        loop.run()
    }

    @Test("A pinned response is let go of once its body is taken, whatever is left behind it")
    func letsGo() {
        var queue = OutputQueue()
        weak var watched: StoredResponse?
        do {
            let record = storedResponse(body: [1, 2, 3])
            watched = record
            let first: [UInt8] = [0]
            queue.append(first.span)
            queue.pin(record, 1..<3, tail: [9, 9])
        }
        queue.remove(2)
        #expect(watched != nil)
        queue.remove(1)
        #expect(watched == nil)
        var isEmpty = queue.isEmpty
        #expect(!isEmpty)
        queue.remove(2)
        isEmpty = queue.isEmpty
        #expect(isEmpty)
    }
}
