// What is wrong with a file, or looks wrong, and at which position.

/// A position in one of the files that are read. Lines and columns start at 1; columns count characters.
package struct Position: Sendable, Hashable, Comparable {
    /// 0 is the file that was named, others are those that it includes, in their order.
    package var file = 0
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package static func < (left: Position, right: Position) -> Bool {
        (left.file, left.line, left.column) < (right.file, right.line, right.column)
    }
}

/// One fault of a configuration file.
package struct Fault: Sendable, Hashable, CustomStringConvertible {
    package enum Severity: String, Sendable, Hashable {
        /// The file is not used.
        case error
        /// The file is used, but probably doesn't mean what it says.
        case warning
    }

    package let fileName: String
    package let severity: Severity
    package let position: Position
    /// A sentence without its full stop.
    package let message: String
    /// What to write instead.
    package let hint: String?

    package var line: Int { position.line }
    package var column: Int { position.column }

    /// `FILE:LINE:COLUMN: error: sentence`
    package var description: String { description(as: severity) }

    /// The same with another severity, for those who treat warnings as errors.
    package func description(as severity: Severity) -> String { "\(place): \(severity.rawValue): \(advice)" }

    /// `FILE:LINE:COLUMN: sentence`, for a log that has the severity beside it.
    package var sentence: String { "\(place): \(advice)" }

    private var place: String { "\(fileName):\(position.line):\(position.column)" }
    private var advice: String { hint.map { "\(message); \($0)" } ?? message }
}

/// Collects the errors and warnings of a file and of those that it includes. The bounds keep a file full of errors from filling the memory.
final class FaultList {
    /// Of errors, and of warnings.
    static let bound = 1_000

    /// By `Position.file`.
    private var fileNames: [String]
    private var errors: [Fault] = []
    private var warnings: [Fault] = []
    private var known: Set<Fault> = []
    /// Errors, those past the bound included.
    private(set) var count = 0

    init(fileName: String) { fileNames = [fileName] }

    /// The name of the file that includes the others.
    var mainFile: String { fileNames[0] }

    /// - Returns: the number of the file in positions.
    func addFile(_ name: String) -> Int {
        fileNames.append(name)
        return fileNames.count - 1
    }

    /// `line 7`, or `line 7 of conf.d/shop.yaml` for somebody who reads another file.
    func line(of position: Position, from other: Position) -> String {
        position.file == other.file
            ? "line \(position.line)" : "line \(position.line) of \(fileNames[position.file])"
    }

    /// An error. Past the bound, errors are only counted.
    func add(_ position: Position, _ message: @autoclosure () -> String, hint: @autoclosure () -> String? = nil) {
        count += 1
        guard !isFull else { return }
        let fault = fault(.error, position, message(), hint())
        // A fault in a value is reported once, however many aliases repeat the value.
        if known.insert(fault).inserted { errors.append(fault) }
    }

    /// Past the bound, warnings are dropped.
    func warn(_ position: Position, _ message: @autoclosure () -> String, hint: @autoclosure () -> String? = nil) {
        guard warnings.count < FaultList.bound else { return }
        let fault = fault(.warning, position, message(), hint())
        if known.insert(fault).inserted { warnings.append(fault) }
    }

    private func fault(
        _ severity: Fault.Severity, _ position: Position, _ message: String, _ hint: String?
    ) -> Fault {
        Fault(fileName: fileNames[position.file], severity: severity, position: position, message: message, hint: hint)
    }

    var isFull: Bool { errors.count >= FaultList.bound }

    /// In the order of the files.
    var sortedErrors: [Fault] { errors.sorted { $0.position < $1.position } }
    var sortedWarnings: [Fault] { warnings.sorted { $0.position < $1.position } }
}
