// What an allocation really takes, so that a store's bound holds for memory and not only for payload.
// `malloc_usable_size` would tell, but isn't in Swift's view of the C library; glibc's rounding is fixed and short.

/// glibc's rounding of a request: one word of bookkeeping, 16-byte granularity, at least 32 bytes, whole pages for what
/// is mapped.
enum MallocFootprint {
    static func bytes(holding count: Int) -> Int {
        if count >= mappedFrom { return (count + 16 + pageMask) & ~pageMask }
        return max((count + MemoryLayout<Int>.size + 15) & ~15, 32)
    }

    private static let mappedFrom = 128 << 10
    private static let pageMask = 4095
}
