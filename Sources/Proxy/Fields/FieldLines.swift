// The lines that a route adds to heads, compiled when the configuration is loaded: what is the same for all requests is one run
// of bytes, and what isn't is put together from pieces. Allocates nothing.

import Bytes
import Clients
import Configuration
import EventLoop
import HTTPSemantics
import HTTPWire
import Routing

/// A request, as values of fields are made of it.
protocol FieldValueSource: RequestMessage {
    var match: RouteMatch? { get }
    var scheme: URIScheme { get }
    /// Who sent it.
    var client: PeerAddress { get }
    var identifier: RequestIdentifier { get }
    var fieldScratch: FieldScratch { get }
}

/// Where values are put together before they are used, so that nothing is allocated. One per worker and configuration.
final class FieldScratch {
    var text = ByteBuffer(minimumCapacity: 256)

    func append(_ peer: PeerAddress) { text.append(peer.hostText.span) }
}

/// Lines of one side of one route. One per worker.
final class FieldLines {
    private enum Piece {
        case literal(Range<Int>)
        case clientAddress
        case requestIdentifier
        case host
        case parameter(Int)
    }

    private struct Line {
        let name: Range<Int>
        let pieces: Range<Int>
        /// Whether it stands beside others of its name.
        let isAddition: Bool
    }

    /// Whole lines that are the same for every request.
    private var constants: [UInt8] = []
    /// The others, by index, in the order of the file.
    private var others: [Int] = []
    private var lines: [Line] = []
    private var pieces: [Piece] = []
    /// Names and literals.
    private var text: [UInt8] = []

    /// Nil without lines.
    /// - Parameter isMeant: which lines of the changes, by name in lower case.
    init?(_ changes: FieldChanges, of route: Route, where isMeant: (String) -> Bool = { _ in true }) {
        let all = changes.set.map { ($0, false) } + changes.add.map { ($0, true) }
        let meant = all.filter { isMeant(FieldChanges.folded($0.0.name)) }
        guard !meant.isEmpty else { return nil }
        // Lines of one name keep their order.
        let varying = Set(
            meant.filter { !Self.isConstant($0.0.value) }.map { FieldChanges.folded($0.0.name) })
        for (line, isAddition) in meant {
            let name = store(Array(line.name.utf8))
            let start = pieces.count
            for piece in line.value.pieces { pieces.append(compile(piece, of: route)) }
            if varying.contains(FieldChanges.folded(line.name)) {
                others.append(lines.count)
            } else {
                constants += Array(line.name.utf8) + Array(": ".utf8)
                for piece in pieces[start...] { if case .literal(let range) = piece { constants += text[range] } }
                constants += Array("\r\n".utf8)
            }
            lines.append(Line(name: name, pieces: start..<pieces.count, isAddition: isAddition))
        }
    }

    private static func isConstant(_ value: FieldValue) -> Bool {
        value.pieces.allSatisfy { piece in
            switch piece {
            case .literal, .route: true
            case .clientAddress, .requestIdentifier, .host, .parameter: false
            }
        }
    }

    private func compile(_ piece: FieldValue.Piece, of route: Route) -> Piece {
        switch piece {
        case .literal(let bytes): return .literal(store(bytes))
        case .route: return .literal(store(Array(route.match.text.utf8)))
        case .clientAddress: return .clientAddress
        case .requestIdentifier: return .requestIdentifier
        case .host: return .host
        case .parameter(let name):
            guard let index = route.parameterNames.firstIndex(of: name) else {
                preconditionFailure("a checked configuration's values name parameters of their route")
            }
            return .parameter(index)
        }
    }

    private func store(_ bytes: [UInt8]) -> Range<Int> {
        text += bytes
        return text.count - bytes.count..<text.count
    }

    // MARK: Writing

    /// Appends all lines. One whose value comes out empty is left out.
    func append(to output: inout ByteBuffer, for request: some FieldValueSource) {
        if !constants.isEmpty { output.append(constants) }
        for index in others { append(lines[index], to: &output, for: request) }
    }

    /// Appends the lines that replace others, and of those that are added the ones of a name which `isAdded` allows.
    func append(to output: inout ByteBuffer, for request: some FieldValueSource, added isAdded: (Span<UInt8>) -> Bool) {
        let text = text
        for line in lines {
            let name = text.span.extracting(line.name)
            if !line.isAddition || isAdded(name) { append(line, to: &output, for: request) }
        }
    }

    /// Calls `body` with the value of each line of that name that isn't empty.
    func forEachValue(of name: Span<UInt8>, for request: some FieldValueSource, _ body: (Span<UInt8>) -> Void) {
        let scratch = request.fieldScratch
        let text = text
        for line in lines where text.span.extracting(line.name).isSameName(as: name) {
            scratch.text.removeAll()
            appendValue(line, to: &scratch.text, for: request)
            if !scratch.text.isEmpty { body(scratch.text.span) }
        }
    }

    private func append(_ line: Line, to output: inout ByteBuffer, for request: some FieldValueSource) {
        let text = text
        output.append(text.span.extracting(line.name))
        output.append(": ")
        let start = output.count
        appendValue(line, to: &output, for: request)
        guard output.count > start else { return output.removeLast(line.name.count + 2) }
        output.append("\r\n")
    }

    private func appendValue(_ line: Line, to output: inout ByteBuffer, for request: some FieldValueSource) {
        let text = text
        for index in line.pieces {
            switch pieces[index] {
            case .literal(let range): output.append(text.span.extracting(range))
            case .clientAddress: output.append(request.client.hostText.span)
            case .requestIdentifier: request.appendIdentifier(to: &output)
            case .host: request.appendNormalHost(to: &output)
            case .parameter(let place):
                guard let match = request.match else {
                    preconditionFailure("a request has its route before its fields change")
                }
                // As in the key, so that whoever shares an entry would have sent the same.
                let bytes = request.bytes
                NormalTarget.append(bytes, in: match.parameter(at: place), to: &output)
            }
        }
    }
}

extension FieldValueSource {
    /// What it is called.
    func appendIdentifier(to output: inout ByteBuffer) {
        switch identifier {
        case .given(let range):
            let bytes = bytes
            output.append(bytes.extracting(range))
        case .made(let name):
            output.reserve(32)
            var shift: UInt128 = 128
            while shift > 0 {
                shift -= 4
                output.append(UInt8(truncatingIfNeeded: name >> shift & 15).hexDigit)
            }
        }
    }

    /// The host that it asks for, in the form that the key has.
    func appendNormalHost(to output: inout ByteBuffer) {
        let bytes = bytes
        let authority = head.authority.lower..<head.authority.upper
        for index in NormalAuthority.range(authority, in: bytes, isHTTPS: scheme == .https) {
            output.append(bytes[index].lowercased)
        }
    }
}
