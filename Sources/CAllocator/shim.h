// features.h comes first: without it fd_set is declared by two modules and they clash.
#include <features.h>
#include <malloc.h>

/// Sets glibc's thresholds once and for all, so that memory that was freed goes back to the system. As it comes, glibc raises
/// both with the largest block that was freed so far, and keeps what is below them.
/// - mapped_from: blocks of at least so many bytes are mappings of their own, and are returned as soon as they are freed.
/// - mappings: so many of them at most; the system has a limit too.
static inline void larder_return_freed_memory(int mapped_from, int mappings) {
    (void)mallopt(M_MMAP_THRESHOLD, mapped_from);
    (void)mallopt(M_TRIM_THRESHOLD, mapped_from);
    (void)mallopt(M_MMAP_MAX, mappings);
}

/// Returns whole free pages between blocks that are in use. Takes each arena's lock in turn.
static inline void larder_trim_memory(void) { (void)malloc_trim(0); }
