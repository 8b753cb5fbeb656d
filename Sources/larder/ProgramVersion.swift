// The version of this program.

/// The newest version that CHANGELOG.md names.
enum ProgramVersion {
    static let text = "0.1.0"
}
