// What a command throws when it was understood and could not be done. It never says that the usage was wrong: that is the
// argument parser's to say, with an exit code of its own.

/// The thing asked for failed. The sentences go to standard error, the exit code is 1.
struct CommandFailure: Error {
    let lines: [String]

    init(_ sentence: String) { lines = ["larder: \(sentence)"] }
    /// Lines that name their own source, as a file's faults do.
    init(lines: [String]) { self.lines = lines }
}
