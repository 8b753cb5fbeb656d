import Testing

@testable import RedisStorage

@Suite("Redis store: which pieces of a large record are requested")
struct PieceProgressTests {
    private func requested(_ progress: inout PieceProgress, isInStep: Bool = false) -> [Int] {
        var pieces: [Int] = []
        while let piece = progress.next(isInStep: isInStep) { pieces.append(piece) }
        return pieces
    }

    @Test("A few are requested ahead, each that arrives makes room for one more, and each is requested once")
    func ahead() {
        var progress = PieceProgress(pieces: 7)
        #expect(requested(&progress) == [1, 2, 3, 4] && progress.outstanding == 4)
        progress.arrive()
        #expect(requested(&progress) == [5])
        for _ in 0..<2 { progress.arrive() }
        #expect(requested(&progress) == [6] && !progress.isComplete)
        for _ in 0..<3 { progress.arrive() }
        #expect(progress.isComplete && progress.outstanding == 0 && requested(&progress) == [])
    }

    @Test("In step fewer are requested ahead")
    func inStep() {
        var progress = PieceProgress(pieces: 7)
        #expect(requested(&progress, isInStep: true) == [1, 2])
    }

    @Test("What doesn't come any more is requested again, and is told from the replies of before")
    func restart() {
        var progress = PieceProgress(pieces: 4)
        _ = requested(&progress)
        progress.arrive()
        let attempt = progress.attempt
        progress.restart()
        #expect(progress.attempt != attempt && progress.outstanding == 0)
        #expect(requested(&progress) == [2, 3])
    }

    @Test("Of a part nothing but its pieces is requested", arguments: [(0, 0), (0, 2), (2, 3), (5, 5), (5, 9)])
    func part(first: Int, last: Int) {
        var progress = PieceProgress(pieces: 6)
        progress.narrow(to: first...last)
        let pieces = requested(&progress)
        #expect(pieces == Array(max(first, 1)..<max(min(last, 5) + 1, max(first, 1))))
        for _ in pieces { progress.arrive() }
        #expect(progress.isComplete)
    }

    @Test("Every byte of a record is in the piece that it is said to be in")
    func places() {
        let total = 3 * RecordFormat.pieceCount + 5
        for piece in 0..<RecordFormat.pieces(of: total) {
            let contents = RecordFormat.contents(ofPiece: piece, total: total)
            #expect(RecordFormat.piece(at: contents.lowerBound) == piece)
            #expect(RecordFormat.piece(at: contents.upperBound - 1) == piece)
        }
    }
}
