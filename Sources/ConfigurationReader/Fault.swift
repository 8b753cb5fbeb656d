// What is wrong with a file, and at which position.

/// A position in the file. Both numbers start at 1; columns count characters.
package struct Position: Sendable, Hashable, Comparable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package static func < (left: Position, right: Position) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// One fault of a configuration file.
package struct Fault: Sendable, Hashable, CustomStringConvertible {
    package let fileName: String
    package let position: Position
    /// A sentence without its full stop.
    package let message: String
    /// What to write instead.
    package let hint: String?

    package var line: Int { position.line }
    package var column: Int { position.column }

    /// `FILE:LINE:COLUMN: error: sentence`
    package var description: String {
        let sentence = hint.map { "\(message); \($0)" } ?? message
        return "\(fileName):\(position.line):\(position.column): error: \(sentence)"
    }
}

/// Collects the faults of one file. The bound keeps a file full of errors from filling the memory.
final class FaultList {
    static let bound = 1_000

    private let fileName: String
    private var faults: [Fault] = []
    private var known: Set<Fault> = []
    private(set) var count = 0

    init(fileName: String) { self.fileName = fileName }

    /// Past the bound, faults are only counted.
    func add(_ position: Position, _ message: String, hint: @autoclosure () -> String? = nil) {
        count += 1
        guard !isFull else { return }
        let fault = Fault(fileName: fileName, position: position, message: message, hint: hint())
        // A fault in a value is reported once, however many aliases repeat the value.
        if known.insert(fault).inserted { faults.append(fault) }
    }

    var isFull: Bool { faults.count >= FaultList.bound }

    /// In the order of the file.
    var sorted: [Fault] { faults.sorted { $0.position < $1.position } }
}
