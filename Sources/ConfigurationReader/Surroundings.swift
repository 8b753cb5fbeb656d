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
    /// What is wrong with the files of a `tls` section.
    let credentials: Credentials
    /// Whether a certificate that has expired is a warning alone: for a daemon that is to start all the same.
    let toleratesTime: Bool

    /// Looks at the files of `tls` sections. By default nobody looks.
    package struct Credentials {
        let ofListener: (ListenerTLS) -> [TLSFault]
        let ofServers: (UpstreamTLS) -> [TLSFault]

        package init(
            ofListener: @escaping (ListenerTLS) -> [TLSFault] = { _ in [] },
            ofServers: @escaping (UpstreamTLS) -> [TLSFault] = { _ in [] }
        ) {
            self.ofListener = ofListener
            self.ofServers = ofServers
        }
    }

    /// Reads a file of at most so many bytes. The fault says what is wrong with it, behind its path.
    package typealias FileReader = (_ path: String, _ bound: Int) throws(ValueFault) -> [UInt8]
    /// The files that match a pattern of `include`.
    let files: (_ pattern: String) -> IncludedFiles

    /// A file that the file includes.
    package struct IncludedFile {
        /// In messages, and by which it is known to be the same under two patterns.
        package let name: String
        /// Its content; nil with the reason if it can't be read.
        package let bytes: [UInt8]?
        package let complaint: String

        package init(name: String, bytes: [UInt8]?, complaint: String = "") {
            self.name = name
            self.bytes = bytes
            self.complaint = complaint
        }
    }

    package enum IncludedFiles {
        /// Sorted by name.
        case files([IncludedFile])
        /// More match than may be included.
        case tooMany
    }

    /// - Parameters:
    ///   - environment: the value of a variable, nil for one that isn't set.
    ///   - complaint: what is wrong with a reference. By default nobody looks: whoever starts with the file finds out.
    ///   - contents: reads the files whose content is part of the configuration. By default they are taken for empty.
    ///   - credentials: looks at certificates and keys.
    ///   - files: the files that match a pattern, which is relative to the file's folder. By default there are none.
    package init(
        environment: @escaping (String) -> String?, complaint: @escaping (Reference) -> String? = { _ in nil },
        contents: FileReader? = nil, credentials: Credentials = Credentials(), toleratesTime: Bool = false,
        files: @escaping (String) -> IncludedFiles = { _ in .files([]) }
    ) {
        variable = environment
        self.complaint = complaint
        self.contents = contents
        self.credentials = credentials
        self.toleratesTime = toleratesTime
        self.files = files
    }
}
