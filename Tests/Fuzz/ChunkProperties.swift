// Properties of chunked bodies.

enum ChunkProperties {
    struct Outcome: Equatable {
        var fault: WireError?
        var isFinished = false
        var content: [UInt8] = []
        var trailers: [UInt8] = []
        var consumed = 0
    }

    private static let limits = ChunkLimits(extensions: 60, trailers: 120, trailerFields: 4)
    /// For what was encoded again: a space after each colon may make the trailers longer.
    private static let wideLimits = ChunkLimits()

    static func check(_ bytes: [UInt8]) {
        let atOnce = decode(bytes, [])
        for cuts in cuts(of: bytes) {
            require(decode(bytes, cuts) == atOnce, "cut at \(cuts) a body comes out differently")
            let gathered = gather(bytes, cuts)
            require(gathered.fault == atOnce.fault, "cut at \(cuts) and gathered a body is judged differently")
            require(gathered.fault != nil || gathered == atOnce, "cut at \(cuts) and gathered a body is another")
        }
        guard atOnce.isFinished else { return }
        require(decode(Array(bytes[0..<atOnce.consumed]), []) == atOnce, "bytes beyond its end change a body")
        require(!decode(Array(bytes[0..<(atOnce.consumed - 1)]), []).isFinished, "a body ends before its last byte")

        var again = ByteBuffer()
        if !atOnce.content.isEmpty {
            again.append(hex: UInt64(atOnce.content.count))
            again.append("\r\n")
            again.append(atOnce.content)
            again.append("\r\n")
        }
        again.append("0\r\n")
        again.append(atOnce.trailers)
        again.append("\r\n")
        let encoded = copy(again)
        var expected = atOnce
        expected.consumed = encoded.count
        require(decode(encoded, [], wideLimits) == expected, "a body that is encoded again is another")
    }

    /// The same, with everything gathered that one read has.
    private static func gather(_ bytes: [UInt8], _ cuts: [Int]) -> Outcome {
        var decoder = ChunkedDecoder(from: .client, limits: limits)
        var outcome = Outcome()
        var buffer = ByteBuffer()
        for end in cuts + [bytes.count] {
            var isDone = false
            while !isDone {
                do throws(WireError) {
                    let input = bytes.span.extracting(0..<end)
                    switch try decoder.gather(input, from: &outcome.consumed, into: &buffer, large: 20) {
                    case .piece(let range): outcome.content += bytes[range]
                    case .gathered: outcome.content += copy(buffer)
                    case .none: isDone = true
                    }
                } catch {
                    return Outcome(fault: error)
                }
            }
            if decoder.isFinished { break }
        }
        outcome.isFinished = decoder.isFinished
        if outcome.isFinished { outcome.trailers = decoder.trailers }
        return outcome
    }

    private static func decode(_ bytes: [UInt8], _ cuts: [Int], _ limits: ChunkLimits = limits) -> Outcome {
        var decoder = ChunkedDecoder(from: .client, limits: limits)
        var outcome = Outcome()
        for end in cuts + [bytes.count] {
            var needsMore = false
            while !needsMore {
                do throws(WireError) {
                    switch try decoder.next(bytes.span.extracting(0..<end), from: &outcome.consumed) {
                    case .data(let range):
                        require(!range.isEmpty && range.upperBound == outcome.consumed, "data is not what was consumed")
                        outcome.content += bytes[range]
                    case .needsMore:
                        require(outcome.consumed == end, "bytes are left, and more are wanted")
                        needsMore = true
                    case .finished:
                        outcome.isFinished = true
                        outcome.trailers = decoder.trailers
                        return outcome
                    }
                } catch {
                    // What was decoded before the fault depends on the cuts in nothing but how much was consumed.
                    return Outcome(fault: error, content: outcome.content)
                }
            }
        }
        return outcome
    }
}
