import Testing

@testable import Bytes

@Suite("A buffer for output")
struct ByteBufferTests {
    @Test("appends in order and grows as needed")
    func grows() {
        var buffer = ByteBuffer()
        #expect(buffer.capacity == 0 && buffer.isEmpty)
        buffer.append([])
        buffer.append("")
        buffer.withUnsafeBytes { #expect($0.isEmpty) }
        var expected = ""
        for number in 0..<500 {
            buffer.append("line ")
            buffer.append(decimal: number)
            buffer.append(UInt8(ascii: "\n"))
            buffer.append(Array("é".utf8))
            expected += "line \(number)\né"
        }
        #expect(text(buffer) == expected && buffer.count == expected.utf8.count)
        buffer.withUnsafeBytes { #expect(Array($0) == Array(expected.utf8)) }
    }

    @Test(
        "numbers",
        arguments: [0, 1, 9, 10, 15, 16, 99, 100, 255, 256, 65535, UInt64(Int64.max), .max - 1, .max])
    func numbers(_ value: UInt64) {
        var buffer = ByteBuffer()
        buffer.append(decimal: value)
        buffer.append(" ")
        buffer.append(hex: value)
        #expect(text(buffer) == "\(value) \(String(value, radix: 16))")
    }

    @Test("the room of what was taken is used again, and each byte is moved once on average")
    func front() {
        var buffer = ByteBuffer()
        var (start, appended, taken, moved) = (0, 0, 0, 0)
        for round in 0..<5_000 {
            let before = start
            buffer.dropFront(before: &start)
            if start < before { moved += buffer.count }
            for _ in 0..<7 {
                buffer.append(UInt8(truncatingIfNeeded: appended))
                appended += 1
            }
            // What is left is never nothing.
            while appended - taken > 100 + round % 50 {
                #expect(buffer.span[start] == UInt8(truncatingIfNeeded: taken))
                start += 1
                taken += 1
            }
        }
        #expect(buffer.count - start == appended - taken)
        #expect(buffer.capacity <= 512 && moved <= appended)
    }

    @Test("negative numbers keep their sign")
    func negative() {
        var buffer = ByteBuffer()
        buffer.append(decimal: Int.min)
        #expect(text(buffer) == "\(Int.min)")
    }

    @Test("emptying keeps the memory up to a limit")
    func emptying() {
        var buffer = ByteBuffer(minimumCapacity: 64)
        buffer.append([UInt8](repeating: 1, count: 10_000))
        buffer.removeAll()
        #expect(buffer.isEmpty && buffer.capacity >= 10_000)
        buffer.removeAll(keepingUpTo: 100)
        #expect(buffer.capacity == 0 && buffer.span.count == 0)
        buffer.append("still works")
        #expect(text(buffer) == "still works")
    }
}
