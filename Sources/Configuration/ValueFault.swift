// Why a text is not a valid value. The reader adds file, line and column; the command line prints it as it is.

import Bytes

/// A message for whoever wrote the value, and what to write instead.
package struct ValueFault: Error, Hashable, CustomStringConvertible {
    package var message: String
    package var hint: String?

    package init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }

    package var description: String {
        if let hint { "\(message); \(hint)" } else { message }
    }
}

/// `text` in backquotes, shortened and without control characters, so that a fault is always one line.
package func quoted(_ text: some StringProtocol) -> String {
    var shown = ""
    var count = 0
    for scalar in text.unicodeScalars {
        if count == 60 {
            shown += "…"
            break
        }
        shown.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7f ? "�" : scalar)
        count += 1
    }
    return "`\(shown)`"
}

/// A whole number of digits alone; nil for anything else and for what doesn't fit.
func wholeNumber(_ text: some StringProtocol) -> Int64? {
    var value: Int64 = 0
    var any = false
    for byte in text.utf8 {
        guard byte.isDigit else { return nil }
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, overflowToo) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
        guard !overflow, !overflowToo else { return nil }
        value = sum
        any = true
    }
    return any ? value : nil
}

/// `1 route`, `2 routes`.
package func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(count) \(count == 1 ? one : many ?? one + "s")"
}
