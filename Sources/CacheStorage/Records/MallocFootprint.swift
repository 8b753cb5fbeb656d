// The real size of an allocation, so that a store's limit applies to memory and not only to payload.
// `malloc_usable_size` would return it, but isn't available from Swift; glibc's rounding is stable and simple.

/// glibc's rounding of a request: one word of metadata, 16-byte granularity, at least 32 bytes, whole pages for mapped
/// blocks.
enum MallocFootprint {
    static func bytes(holding count: Int) -> Int {
        if isMapped(count) { return (count + 16 + pageMask) & ~pageMask }
        return max((count + MemoryLayout<Int>.size + 15) & ~15, 32)
    }

    /// Whether the block is a mapping of its own.
    static func isMapped(_ count: Int) -> Bool { count >= mappedFrom }

    private static let mappedFrom = 128 << 10
    private static let pageMask = 4095
}
