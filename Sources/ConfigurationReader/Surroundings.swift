// What the file refers to beyond itself. The reader does no I/O: it asks its caller, who may look or not.

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

    /// - Parameters:
    ///   - environment: the value of a variable, nil for one that isn't set.
    ///   - complaint: what is wrong with a reference. By default nobody looks: whoever starts with the file finds out.
    package init(
        environment: @escaping (String) -> String?, complaint: @escaping (Reference) -> String? = { _ in nil }
    ) {
        variable = environment
        self.complaint = complaint
    }
}
