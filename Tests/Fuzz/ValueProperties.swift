// Properties of field values: dates, lists, names, authorities.

enum ValueProperties {
    static func check(_ bytes: [UInt8]) {
        if let seconds = HTTPDate.parse(bytes.span, now: 1_790_000_000) {
            var output = ByteBuffer()
            HTTPDate.append(seconds, to: &output)
            let written = copy(output)
            require(HTTPDate.parse(written.span, now: 0) == seconds, "a date that is written again is another")
        }
        var elements = ListElements(ByteRange(0, bytes.count))
        var last = 0
        while let element = elements.next(in: bytes.span) {
            require(
                element.lower >= last && element.upper <= bytes.count && !element.isEmpty, "elements are out of order")
            last = element.upper
        }
        let name = FieldName.recognise(bytes.span)
        if name != .other { require(Token.isToken(bytes.span), "a known name is no token") }
        if let host = Authority.hostLength(bytes.span) {
            require(host > 0 && host <= bytes.count, "a host out of its authority")
        }
        _ = Decimal.value(bytes.span)
    }
}
