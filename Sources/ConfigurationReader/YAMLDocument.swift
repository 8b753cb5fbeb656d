// libyaml's events as Swift values. The only file of this module that handles pointers.
//
// The parser lives on the heap, because libyaml keeps a pointer to it inside itself, and the file's bytes are pinned
// for the parser's whole life by copying them beside it. Every event is copied out and deleted before the next one.

import CLibyaml

/// One event of libyaml's, without those that only frame a stream.
enum YAMLEvent {
    case documentStart
    case scalar(text: String, isPlain: Bool, lastLine: Int, anchor: String?, hasTag: Bool)
    case alias(name: String)
    case sequenceStart(anchor: String?, hasTag: Bool, isFlow: Bool)
    case mappingStart(anchor: String?, hasTag: Bool, isFlow: Bool)
    case sequenceEnd
    case mappingEnd
    case streamEnd
}

/// The syntax error at which libyaml stopped.
struct YAMLSyntaxFault: Error {
    let position: Position
    /// libyaml's own message.
    let problem: String
    /// What libyaml was parsing, and where that began.
    let context: String?
    let contextPosition: Position?
    /// Whether the bytes are no text.
    let isEncoding: Bool
}

@safe
final class YAMLEventReader {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutablePointer<UInt8>
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        unsafe input = .allocate(capacity: max(bytes.count, 1))
        unsafe parser = .allocate(capacity: 1)
        unsafe parser.initialize(to: yaml_parser_t())
        unsafe bytes.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { unsafe input.update(from: base, count: source.count) }
        }
        let isReady = unsafe yaml_parser_initialize(parser)
        precondition(isReady == 1, "libyaml could not allocate its parser")
        unsafe yaml_parser_set_input_string(parser, input, bytes.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe input.deallocate()
    }

    /// After `.streamEnd`, and after a fault, it must not be called again.
    func next() throws(YAMLSyntaxFault) -> (event: YAMLEvent, position: Position) {
        while true {
            var event = unsafe yaml_event_t()
            guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw fault() }
            defer { unsafe yaml_event_delete(&event) }
            if let translated = unsafe YAMLEventReader.translate(event) {
                return (translated, unsafe YAMLEventReader.position(event.start_mark))
            }
        }
    }

    private static func translate(_ event: yaml_event_t) -> YAMLEvent? {
        switch unsafe event.type {
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_STREAM_END_EVENT: return .streamEnd
        case YAML_ALIAS_EVENT: return .alias(name: unsafe text(event.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe event.data.sequence_start
            return unsafe .sequenceStart(
                anchor: text(start.anchor), hasTag: start.tag != nil, isFlow: start.style == YAML_FLOW_SEQUENCE_STYLE)
        case YAML_MAPPING_START_EVENT:
            let start = unsafe event.data.mapping_start
            return unsafe .mappingStart(
                anchor: text(start.anchor), hasTag: start.tag != nil, isFlow: start.style == YAML_FLOW_MAPPING_STYLE)
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let value = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return unsafe .scalar(
                text: String(decoding: value, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE,
                lastLine: position(event.end_mark).line, anchor: text(scalar.anchor), hasTag: scalar.tag != nil)
        default: return nil
        }
    }

    private func fault() -> YAMLSyntaxFault {
        let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "out of memory"
        // Encoding errors have a byte offset only.
        if unsafe parser.pointee.error == YAML_READER_ERROR {
            let offset = unsafe parser.pointee.problem_offset
            return YAMLSyntaxFault(
                position: position(ofByte: offset), problem: problem, context: nil, contextPosition: nil,
                isEncoding: true)
        }
        let context = unsafe parser.pointee.context.map { unsafe String(cString: $0) }
        return YAMLSyntaxFault(
            position: unsafe YAMLEventReader.position(parser.pointee.problem_mark), problem: problem, context: context,
            contextPosition: context == nil ? nil : unsafe YAMLEventReader.position(parser.pointee.context_mark),
            isEncoding: false)
    }

    private func position(ofByte offset: Int) -> Position {
        let before = bytes.prefix(offset)
        let line = before.count { $0 == UInt8(ascii: "\n") }
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return Position(line: line + 1, column: before.count - start + 1)
    }

    private static func position(_ mark: yaml_mark_t) -> Position {
        // A file can't have more lines than bytes, and its size is bounded.
        Position(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        unsafe pointer.map { unsafe String(cString: $0) }
    }
}
