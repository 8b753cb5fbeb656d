import CacheStorage
import HTTPCaching
import TestRandomness
import Testing

@testable import Proxy

// Thousands of histories of one key, with verdicts: clients that leave, lag, have conditions, ask for ranges, or want to be
// certain, mixed with errors, redirects, renewals for one client and failures. A plain model says what each may be given,
// what must be stored after every step, and that coalescing goes on.

@Suite("RFC 9111 §4.3, one fill: histories with verdicts")
struct FillVerdictHistoryTests {
    @Test("Whatever one client is answered, the others are given what is for all, and that stays stored")
    func histories() throws {
        for seed in 0..<3000 as Range<UInt64> {
            let history = try VerdictHistory(seed: seed)
            try history.run()
            #expect(history.faults == [], "seed \(seed): \(history.told.joined(separator: ", "))")
            if !history.faults.isEmpty { return }
        }
    }
}

/// One history: what happens, and the model beside it.
private final class VerdictHistory {
    /// How a client asks.
    private enum Wish: CaseIterable { case plain, again, certain, unstored, conditional, ranged, head }

    /// What the origin says, as far as the request allows it.
    private enum Kind: CaseIterable {
        // For all.
        case whole, same, part, error, gone, failure
        // For one client.
        case ownWhole, ownSame, refusal, redirect
        // To nobody.
        case cut
    }

    /// What is stored, as the model has it.
    private struct Stored: Equatable {
        enum Content: Equatable {
            case whole(version: Int)
            case part(version: Int, Set<Int>)
            case error(Int)
        }
        var content: Content
        /// The field that every response for all brings anew.
        var shared: Int
        var isFresh = true

        var version: Int? {
            switch content {
            case .whole(let version), .part(let version, _): version
            case .error: nil
            }
        }
        var isWhole: Bool { if case .whole = content { true } else { false } }
    }

    /// What the origin says to one request.
    private final class Response {
        let source: ScriptedSource
        let wish: Wish
        /// Nil for a refresh in the background.
        let reader: ScriptedReader?
        let isPublished: Bool
        /// What the model had when the request was sent.
        let asked: Stored?
        let number: Int
        var kind = Kind.whole
        var body: [UInt8] = []
        var range = 0..<VerdictHistory.length
        var version = 0
        var hasHead = false
        var isCollected = false
        var isOvertaken = false
        var isOver = false
        var sent = 0

        init(
            _ source: ScriptedSource, _ wish: Wish, _ reader: ScriptedReader?, isPublished: Bool, asked: Stored?,
            number: Int
        ) {
            self.source = source
            self.wish = wish
            self.reader = reader
            self.isPublished = isPublished
            self.asked = asked
            self.number = number
        }

        var isOpen: Bool { !isOver && !source.isStopped }
        var isHead: Bool { wish == .head }
        /// Of a part: whether it is all of it.
        var isWhole: Bool { range == 0..<VerdictHistory.length }
    }

    static let length = 12
    private let scene: FillScene
    private let servesOnError: Bool
    private var random: SeededGenerator
    private var stored: Stored?
    private var version = 1
    private var numbers = 0
    private var responses: [Response] = []
    private var readers: [ScriptedReader] = []
    /// Something has said that the key can't be shared, or that its origin fails.
    private var mayBeAlone = false
    private(set) var told: [String] = []
    private(set) var faults: [String] = []

    init(seed: UInt64) throws {
        var random = SeededGenerator(history: seed)
        let servesOnError = Bool.random(using: &random)
        scene = try FillScene { if servesOnError { $0.staleIfError = .seconds(6000) } }
        self.servesOnError = servesOnError
        self.random = random
    }

    private func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    /// Says its version and its place at every other byte.
    private func body(_ version: Int) -> [UInt8] {
        (0..<Self.length).map { UInt8($0 % 2 == 0 ? 0x61 + version % 26 : 0x30 + $0 / 2) }
    }

    // MARK: Steps

    func run() throws {
        for _ in 0..<(10 + below(40)) {
            try step()
            try checkStore()
            if !faults.isEmpty { return }
        }
        for reader in readers { reader.unblock() }
        for _ in 0..<400 {
            scene.settle()
            noteAskedAgain()
            guard let open = responses.first(where: { $0.isOpen && !$0.source.isPaused }) else { break }
            go(on: open)
        }
        try checkStore()
        faults += scene.leftovers
        for reader in readers { check(reader) }
    }

    private func step() throws {
        switch below(14) {
        case 0...3: try ask()
        case 4...8:
            let open = responses.filter { $0.isOpen && !$0.source.isPaused }
            if !open.isEmpty { go(on: open[below(open.count)]) }
        case 9:
            // Time passes for what is stored.
            guard stored?.isFresh == true, stored?.isWhole == true else { return }
            told.append("ages")
            try scene.age(by: 70)
            stored?.isFresh = false
        case 10: if below(2) == 0 { version += 1 }
        case 11: try refresh()
        case 12:
            guard !readers.isEmpty else { return }
            let reader = readers[below(readers.count)]
            switch below(4) {
            case 0: reader.leave()
            case 1: reader.block()
            default: reader.unblock()
            }
            told.append("a reader comes or goes")
        default:
            scene.settle()
        }
        noteAskedAgain()
    }

    private func ask() throws {
        let wish = Wish.allCases[below(Wish.allCases.count)]
        let start = below(Self.length - 1)
        let end = start + 1 + below(Self.length - start)
        // Most ask for the same as others do.
        let range = ["0-", "2-7", "\(start)-\(end - 1)"][below(3)]
        let fields: [String] =
            switch wish {
            case .plain, .again, .head: []
            case .certain: ["Cache-Control: no-cache"]
            case .unstored: ["Cache-Control: no-store"]
            case .conditional: ["If-None-Match: \"\(max(1, version - below(2)))\""]
            case .ranged: ["Range: bytes=\(range)"]
            }
        let reader = ScriptedReader(worker: below(2), isBlocked: below(8) == 0)
        let known = scene.sources.count
        let isCertain = wish == .head && below(2) == 0
        let asked = try scene.ask(
            reader, method: wish == .head ? "HEAD" : "GET",
            with: fields + (isCertain ? ["Cache-Control: no-cache"] : []))
        told.append("asks \(wish)")
        switch asked {
        case .hit(let found):
            guard let stored, stored.isFresh, wish != .certain, !isCertain else {
                return faults.append("a hit that must not be")
            }
            if let fault = difference(found, stored) { faults.append("a hit: \(fault)") }
            return
        case .joined: readers.append(reader)
        case .began: note(known, wish, reader, isPublished: true)
        case .alone:
            let isOwn = wish == .certain || wish == .ranged || wish == .head || wish == .unstored
            if !isOwn && !mayBeAlone { faults.append("coalescing has ended") }
            note(known, wish, reader, isPublished: false)
        }
    }

    private func refresh() throws {
        guard stored?.isWhole == true else { return }
        let known = scene.sources.count
        guard try scene.refresh() != nil else { return }
        told.append("refreshes")
        note(known, .plain, nil, isPublished: true)
    }

    private func note(_ known: Int, _ wish: Wish, _ reader: ScriptedReader?, isPublished: Bool) {
        if let reader { readers.append(reader) }
        guard scene.sources.count == known + 1 else { return faults.append("\(scene.sources.count - known) requests") }
        numbers += 1
        responses.append(
            Response(scene.source, wish, reader, isPublished: isPublished, asked: stored, number: numbers))
    }

    /// A fill whose response was of no use has sent its request again.
    private func noteAskedAgain() {
        if scene.sources.count != responses.count { faults.append("a request of which nobody knows") }
    }

    // MARK: The origin

    /// Chooses what the origin says, from what it was asked.
    private func choose(_ response: Response) {
        let source = response.source
        let isAskedWhetherSame = source.asks("If-None-Match") == "\"\(version)\""
        let isMissing = source.asks("If-Range") != nil
        let range = source.asks("Range").map { value in
            let ends = value.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
            return ends[0]..<(ends.count == 1 ? Self.length : ends[1] + 1)
        }
        var kinds: [Kind] = [.whole, .whole, .error, .gone, .failure, .ownWhole, .refusal, .redirect, .cut]
        if isAskedWhetherSame { kinds += [.same, .same, .ownSame, .ownSame] }
        if response.isHead { kinds.removeAll { $0 == .cut || $0 == .error } }
        if range != nil && (!isMissing || source.asks("If-Range") == "\"\(version)\"") {
            kinds += [.part, .part, .part]
        }
        response.kind = kinds[below(kinds.count)]
        response.version = version
        switch response.kind {
        case .whole, .cut: response.body = body(version)
        case .part:
            response.range = range!
            response.body = Array(body(version)[range!])
        case .ownWhole, .refusal, .redirect: response.body = Array("own\(response.number)".utf8)
        case .error, .gone, .failure: response.body = Array("err\(response.number)".utf8)
        case .same, .ownSame: break
        }
        if response.isHead { response.body = [] }
    }

    private func fields(_ response: Response) -> (status: String, fields: [String]) {
        let shared = ["Cache-Control: max-age=60", "ETag: \"\(response.version)\"", "X-Shared: \(response.number)"]
        let own = "X-Own: \(response.number)"
        let length = "Content-Length: \(response.isHead ? Self.length : response.body.count)"
        let forOne = [["Cache-Control: private"], ["Cache-Control: no-store"], ["Set-Cookie: \(own)"]]
        switch response.kind {
        case .whole, .cut: return ("200 OK", shared + [length])
        case .same: return ("304 Not Modified", shared)
        case .part:
            let place = "bytes \(response.range.lowerBound)-\(response.range.upperBound - 1)/\(Self.length)"
            return ("206 Partial Content", shared + [length, "Content-Range: \(place)"])
        case .error:
            return ("403 Forbidden", ["Cache-Control: max-age=60", "X-Shared: \(response.number)", length])
        case .gone: return (["404 Not Found", "410 Gone"][below(2)], [length])
        case .failure:
            return below(2) == 0 ? ("503 No", [length]) : ("429 Slow", ["Retry-After: 30", length])
        case .ownWhole:
            // A response to HEAD without a validator says nothing; one with another's would be another version.
            let etag = response.isHead ? [] : ["ETag: \"\(response.version)\""]
            return ("200 OK", forOne[below(3)] + etag + [own, length])
        case .ownSame: return ("304 Not Modified", ["ETag: \"\(response.version)\"", own] + forOne[below(3)])
        case .refusal: return (["400 No", "401 No", "403 No", "405 No", "408 No", "429 No"][below(6)], [own, length])
        case .redirect: return (["302 Found", "303 See Other", "307 Go"][below(3)], ["Location: /login", own, length])
        }
    }

    /// The next thing that the origin says.
    private func go(on response: Response) {
        let source = response.source
        guard response.hasHead else {
            choose(response)
            response.hasHead = true
            told.append("\(response.kind) for \(response.wish)")
            let (status, fields) = fields(response)
            if response.kind == .same || response.kind == .ownSame { response.isOver = true }
            headArrives(response)
            source.head(status, fields)
            return
        }
        let end = response.kind == .cut ? response.body.count - 1 : response.body.count
        let count = min(1 + below(6), end - response.sent)
        if count > 0 {
            source.piece(Array(response.body[response.sent..<(response.sent + count)]))
            source.turn()
            response.sent += count
        } else {
            response.isOver = true
            told.append("ends")
            if response.kind == .cut { source.fail() } else { source.end() }
            if response.kind != .cut { bodyIsComplete(response) }
        }
    }

    // MARK: The model

    private func headArrives(_ response: Response) {
        let asked = response.asked
        let isUnstored = response.wish == .unstored
        switch response.kind {
        case .whole where response.isHead: freshen(response, isSame: asked?.version == response.version)
        case .whole, .cut: response.isCollected = !isUnstored
        case .same: if !isUnstored { freshen(response, isSame: true) }
        case .part:
            // What is there whole, of the same version, is worth more.
            let isWorthLess = asked?.isWhole == true && asked?.version == response.version && !response.isWhole
            response.isCollected = !isUnstored && !isWorthLess
        case .error:
            let prevails = asked?.isWhole == true && asked?.isFresh == true
            response.isCollected = !isUnstored && !prevails
        case .gone:
            let isThere = response.isHead ? asked?.isWhole == true : asked != nil
            if isUnstored || !isThere { break }
            stored = nil
            for other in responses { other.isOvertaken = true }
        case .failure, .ownWhole, .ownSame, .refusal, .redirect: break
        }
        guard response.isPublished else { return }
        switch response.kind {
        case .gone, .failure: mayBeAlone = true
        case .ownWhole, .redirect: if asked == nil { mayBeAlone = true }
        case .whole, .same, .part, .error, .ownSame, .refusal, .cut: break
        }
    }

    /// What a 304, or a response to HEAD, says of what was asked about.
    private func freshen(_ response: Response, isSame: Bool) {
        guard !response.isOvertaken, let asked = response.asked, asked.isWhole else { return }
        // Another response has taken its place.
        if let stored, stored.version != asked.version { return }
        let base = stored?.isWhole == true ? stored! : asked
        if isSame {
            stored = Stored(content: asked.content, shared: response.number)
        } else if base.isFresh {
            stored = base
            stored?.isFresh = false
        }
    }

    private func bodyIsComplete(_ response: Response) {
        guard response.isCollected, !response.isOvertaken else { return }
        switch response.kind {
        case .whole: stored = Stored(content: .whole(version: response.version), shared: response.number)
        case .error: stored = Stored(content: .error(response.number), shared: response.number)
        case .part:
            var bytes = Set(response.range)
            switch stored?.content ?? response.asked?.content {
            case .whole(let version) where version == response.version && !response.isWhole: return
            case .part(let version, let others) where version == response.version: bytes.formUnion(others)
            case .whole, .part, .error, nil: break
            }
            let isWhole = bytes.count == Self.length
            stored = Stored(
                content: isWhole ? .whole(version: response.version) : .part(version: response.version, bytes),
                shared: response.number)
        case .same, .gone, .failure, .ownWhole, .ownSame, .refusal, .redirect, .cut: break
        }
    }

    // MARK: What must be so

    private func checkStore() throws {
        let found = try scene.stored()
        guard let found, let stored else {
            if found != nil { faults.append("stored: \(found!.bodyText), and nothing should be") }
            if stored != nil { faults.append("nothing is stored, and \(stored!) should be") }
            return
        }
        if let fault = difference(found, stored) { faults.append("stored: \(fault)") }
    }

    /// What is wrong with a record that should be this.
    private func difference(_ record: StoredResponse, _ stored: Stored) -> String? {
        let head = record.headText
        if head.contains("X-Own") { return "one client's fields: \(head)" }
        if !head.contains("X-Shared: \(stored.shared)\r\n") { return "the fields of another response: \(head)" }
        if (record.facts.timeToLive(at: scene.service.instant) > 0) != stored.isFresh {
            return "fresh, or stale: \(head)"
        }
        switch stored.content {
        case .whole(let version):
            return record.body.copied() == body(version) ? nil : "\(record.bodyText) instead of version \(version)"
        case .error(let number): return record.bodyText == "err\(number)" ? nil : "\(record.bodyText), not err\(number)"
        case .part(let version, let bytes):
            guard let known = PartialResponse(record) else { return "no part: \(head)" }
            var isSame = true
            for index in 0..<Self.length {
                let place = known.place(of: Int64(index)..<Int64(index + 1))
                if (place != nil) != bytes.contains(index) { isSame = false }
                if let place, record.body[place.lowerBound] != body(version)[index] { isSame = false }
            }
            return isSame ? nil : "other bytes than \(bytes.sorted()) of version \(version)"
        }
    }

    private func check(_ reader: ScriptedReader) {
        let own = responses.first { $0.reader === reader }
        let number = own.map { "\($0.number)" } ?? "nobody"
        let heads = [reader.record?.headText, reader.storedLines].compactMap { $0 }
        for head in heads where head.contains("X-Own") && !head.contains("X-Own: \(number)\r\n") {
            faults.append("a reader has another one's fields: \(head)")
        }
        if let own, own.kind == .ownSame, reader.ends == ["delivered, revalidated"] {
            let brings = reader.record?.headText.contains("X-Own: \(number)\r\n") == true
            if !brings { faults.append("a reader hasn't what was meant for it") }
        }
        let isWhole = reader.ends == ["whole"]
        var texts = (1...version).map { body($0) }
        if let own { texts.append(own.body) }
        texts += responses.filter { $0.kind == .error }.map(\.body)
        // A part that others share is that much of one of them.
        if let part = reader.content {
            texts = texts.filter { $0.count >= part.upperBound }.map { Array($0[part]) } + [own?.body].compactMap { $0 }
        }
        let isRight = isWhole ? texts.contains(reader.body) : texts.contains { $0.starts(with: reader.body) }
        if !isRight { faults.append("a reader has \(reader.text), ended \(reader.ends)") }
        let delivered = reader.ends.first?.hasPrefix("delivered") == true ? reader.record : nil
        // Who has it already is told so by the head alone.
        let isHeadEnough = own?.wish == .conditional && delivered?.bodyCount == 0
        let hasVersion = (1...version).contains { delivered?.headText.contains("ETag: \"\($0)\"") == true }
        if let delivered, isHeadEnough, !hasVersion {
            faults.append("a reader is told of \(delivered.headText)")
        }
        if let delivered, !isHeadEnough, delivered.kind == .response, !texts.contains(delivered.body.copied()) {
            faults.append("a reader is given \(delivered.bodyText)")
        }
    }
}
