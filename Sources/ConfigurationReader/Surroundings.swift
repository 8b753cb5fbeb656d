// What the file refers to beyond itself. The reader does no I/O: it asks its caller, who may look or not.

import Configuration

/// How the reader asks about what surrounds the file.
package struct Surroundings {
    /// Something that the file names and that may be missing on this machine.
    package enum Reference: Hashable {
        case user(String)
        case group(String)
        case logFile(path: String)
        case tokenFile(path: String)
    }

    /// The value of an environment variable; nil if it isn't set.
    let variable: (String) -> String?
    /// What is wrong with a reference, as a sentence; nil if nothing is, or if nobody looks.
    let complaint: (Reference) -> String?
    /// The bytes of a file; nil if nobody reads it.
    let contents: FileReader?

    /// Reads a file of at most so many bytes. The fault says what is wrong with it, behind its path.
    package typealias FileReader = (_ path: String, _ bound: Int) throws(ValueFault) -> [UInt8]

    /// - Parameters:
    ///   - environment: the value of a variable, nil for one that isn't set.
    ///   - complaint: what is wrong with a reference. By default nobody looks: whoever starts with the file finds out.
    ///   - contents: reads the files whose content is part of the configuration. By default they are taken for empty.
    package init(
        environment: @escaping (String) -> String?, complaint: @escaping (Reference) -> String? = { _ in nil },
        contents: FileReader? = nil
    ) {
        variable = environment
        self.complaint = complaint
        self.contents = contents
    }
}
