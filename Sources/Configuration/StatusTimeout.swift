// An entry of `cache.statuses`: which responses, and how long they are fresh.

import Bytes

/// How long responses of certain statuses are fresh.
package struct StatusTimeout: Sendable, Hashable {
    package var selector: StatusSelector
    package var timeout: Milliseconds

    package init(_ selector: StatusSelector, _ timeout: Milliseconds) {
        self.selector = selector
        self.timeout = timeout
    }
}

/// The statuses that an entry of `cache.statuses` is about.
package enum StatusSelector: Sendable, Hashable {
    /// 200 to 599, but not 304.
    case exact(Int)
    /// The first digit: 2 to 5.
    case `class`(Int)
    case any
}

extension StatusSelector: CustomStringConvertible {
    /// Reads `404`, `5xx` and `any`.
    package init(parsing text: String) throws(ValueFault) {
        if text == "any" {
            self = .any
            return
        }
        let bytes = Array(text.utf8)
        guard bytes.count == 3, bytes[0].isDigit else { throw StatusSelector.notAStatus(text) }
        let first = Int(bytes[0] - UInt8(ascii: "0"))
        let isClass = bytes[1...].allSatisfy { lowercase($0) == UInt8(ascii: "x") }
        guard isClass || bytes[1...].allSatisfy(\.isDigit) else { throw StatusSelector.notAStatus(text) }
        guard first != 1 else {
            throw ValueFault("\(quoted(text)) responses are never stored", hint: "use 2xx to 5xx")
        }
        // RFC 9110 §15: the first digit is the class, and there are five of them.
        guard (2...5).contains(first) else {
            throw ValueFault("invalid status \(quoted(text))", hint: "statuses are 200–599")
        }
        if isClass {
            self = .class(first)
            return
        }
        let status = Int(bytes[1] - UInt8(ascii: "0")) * 10 + Int(bytes[2] - UInt8(ascii: "0")) + first * 100
        guard status != 304 else {
            throw ValueFault(
                "a 304 has no lifetime of its own",
                hint: "it freshens the stored response: name that response's status")
        }
        self = .exact(status)
    }

    private static func notAStatus(_ text: String) -> ValueFault {
        let isSeveral = text.contains(" ") || text.contains(",")
        return ValueFault(
            "invalid status \(quoted(text))",
            hint: isSeveral
                ? "write an entry for each status" : "use one status such as 404, a class such as 5xx, or any")
    }

    package var description: String {
        switch self {
        case .exact(let status): "\(status)"
        case .class(let digit): "\(digit)xx"
        case .any: "any"
        }
    }
}

extension StatusSelector: Comparable {
    /// The more exact one first.
    package static func < (left: StatusSelector, right: StatusSelector) -> Bool { left.order < right.order }

    private var order: (Int, Int) {
        switch self {
        case .exact(let status): (0, status)
        case .class(let digit): (1, digit)
        case .any: (2, 0)
        }
    }
}
