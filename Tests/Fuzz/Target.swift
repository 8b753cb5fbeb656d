// The fuzz target: every input goes through every reader of HTTPWire. Nothing may trap, and beyond that three
// properties hold: how bytes are cut into reads changes nothing; what is forwarded is one message that means the same;
// a body ends where it ends. Compiled together with the module's sources by `run`, so it sees what tests see.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // libFuzzer owns the bytes and keeps them for this call; they are copied, so that reads past their end are found
    // out.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    RequestProperties.check(bytes)
    ResponseProperties.check(bytes, answering: .get)
    ResponseProperties.check(bytes, answering: .head)
    ResponseProperties.check(bytes, answering: .connect)
    ChunkProperties.check(bytes)
    ValueProperties.check(bytes)
    return 0
}

/// Small limits, so that short inputs reach them.
let fuzzLimits = HeadLimits(startLine: 200, head: 1000, fields: 12)
/// For what was forwarded: it may have grown.
let wideLimits = HeadLimits(startLine: 4000, head: 100_000, fields: 100)

func require(_ holds: Bool, _ sentence: @autoclosure () -> String) {
    if !holds { fatalError(sentence()) }
}

/// Where to cut an input: chosen by its bytes, so that a finding can be repeated.
func cuts(of bytes: [UInt8]) -> [[Int]] {
    if bytes.isEmpty { return [] }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let first = Int(hash % UInt64(bytes.count))
    let second = Int((hash >> 32) % UInt64(bytes.count))
    var all = [[first], [min(first, second), max(first, second)]]
    if bytes.count < 300 { all.append(Array(0..<bytes.count)) }
    return all
}

func slice(_ range: ByteRange, _ bytes: [UInt8]) -> [UInt8] { Array(bytes[range.lower..<range.upper]) }

func copy(_ buffer: borrowing ByteBuffer) -> [UInt8] { buffer.withUnsafeBytes { unsafe Array($0) } }

/// Name in lower case and value of the fields that are carried from end to end.
func carried(_ fields: [FieldLine], _ bytes: [UInt8], _ isDropped: (FieldLine) -> Bool) -> [[UInt8]] {
    fields.filter { !isDropped($0) }.map { slice($0.name, bytes).map { $0.lowercased } + [0] + slice($0.value, bytes) }
}
