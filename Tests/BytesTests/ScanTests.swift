import Testing

@testable import Bytes

@Suite("Scans find the same byte wherever it lies in a vector")
struct ScanTests {
    @Test("every byte at every offset, as a loop over bytes would find it")
    func everyByte() {
        for byte in UInt8.min...UInt8.max {
            let isControl = (byte < 0x20 && byte != 0x09) || byte == 0x7f
            let isOutside = byte <= 0x20 || byte >= 0x7f || byte == 0x23
            for (count, place) in [(1, 0), (15, 14), (16, 0), (16, 7), (16, 8), (16, 15), (17, 16), (40, 33)] {
                var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: count)
                bytes[place] = byte
                #expect(Scan.firstControl(in: bytes.span, from: 0) == (isControl ? place : count))
                #expect(Scan.firstOutsideTarget(in: bytes.span, from: 0, to: count) == (isOutside ? place : count))
                if byte != UInt8(ascii: "a") { #expect(Scan.first(byte, in: bytes.span, from: 0, to: count) == place) }
            }
        }
    }

    @Test("a hit beyond the end is none")
    func end() {
        let bytes = Array("aaaaaaaaaa:aaaaaaaaaaaaa#aa".utf8)
        #expect(Scan.first(UInt8(ascii: ":"), in: bytes.span, from: 0, to: 5) == 5)
        #expect(Scan.first(UInt8(ascii: ":"), in: bytes.span, from: 11, to: bytes.count) == bytes.count)
        #expect(Scan.firstOutsideTarget(in: bytes.span, from: 11, to: 20) == 20)
    }

    @Test("leading words compare as the bytes do, wherever these lie")
    func leadingWords() {
        let texts = ["", "a", "aa", "ab", "abcdefg", "abcdefgh", "abcdefghi", "b", "ba", "~~~~~~~~"]
        for before in [0, 1, 9] {
            for after in [0, 1, 9] {
                let words = texts.map { text in
                    let bytes = Array(
                        (String(repeating: "x", count: before) + text + String(repeating: "y", count: after)).utf8)
                    return Scan.leadingWord(in: bytes.span, from: before, to: before + text.utf8.count)
                }
                #expect(words == words.sorted())
                #expect(words[0] == 0)
                #expect(words[2] == 0x6161_0000_0000_0000)
                #expect(words[5] == 0x6162_6364_6566_6768)
                #expect(words[6] == words[5])
            }
        }
    }
}
