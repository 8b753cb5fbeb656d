// The version of this program, in the one place where the sources have it.

/// The newest version that CHANGELOG.md names.
enum ProgramVersion {
    static let text = "0.1.0"
}
