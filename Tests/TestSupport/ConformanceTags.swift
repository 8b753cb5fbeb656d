import Testing

// The kinds of demand that a test can hold Larder to; Tests/Conformance/count counts them.

extension Tag {
    /// What a standard demands.
    @Tag public static var must: Self
    /// What a standard recommends.
    @Tag public static var should: Self
    /// Where a standard leaves the choice, and Larder made one.
    @Tag public static var choice: Self
}
