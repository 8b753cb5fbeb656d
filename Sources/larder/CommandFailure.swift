// The error of a command that was understood but failed. Wrong usage is reported by the argument parser, with another exit
// code.

/// The command failed. The lines go to standard error, and the exit code is 1.
struct CommandFailure: Error {
    let lines: [String]

    init(_ sentence: String) { lines = ["larder: \(sentence)"] }
    /// Lines that already name their source, such as the faults of a file.
    init(lines: [String]) { self.lines = lines }
}
