// The executable's own malloc comes before glibc's in symbol lookup, for every library of the process; glibc offers its
// own under `__libc_` names. A sanitizer has a malloc of its own: then nothing is put in front of it, and nothing counted.

#include "AllocationCounter.h"

#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_int is_counting;
static atomic_int forced;
static atomic_uint_fast64_t count;
static atomic_int traces;
static _Thread_local int is_tracing;

__attribute__((unused)) static void note(void) {
    if (!atomic_load_explicit(&is_counting, memory_order_relaxed) || is_tracing) return;
    if (!atomic_load_explicit(&forced, memory_order_relaxed)) {
        char name[16] = {0};
        prctl(PR_GET_NAME, name, 0, 0, 0);
        if (strncmp(name, "larder-", 7) != 0) return;
    }
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    if (atomic_load(&traces) > 0 && atomic_fetch_sub(&traces, 1) > 0) {
        void *frames[48];
        is_tracing = 1;
        int depth = backtrace(frames, 48);
        backtrace_symbols_fd(frames, depth, STDERR_FILENO);
        if (write(STDERR_FILENO, "--\n", 3) < 0) errno = 0;
        is_tracing = 0;
    }
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define LARDER_IS_SANITIZED 1
#endif
#endif

#ifndef LARDER_IS_SANITIZED
void *malloc(size_t size) {
    note();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    note();
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    note();
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    note();
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *block = __libc_memalign(alignment, size);
    if (!block) return ENOMEM;
    *result = block;
    return 0;
}

#endif

int larder_allocations_are_countable(void) {
#ifdef LARDER_IS_SANITIZED
    return 0;
#else
    return 1;
#endif
}

void larder_allocations_begin(void) {
    atomic_store(&count, 0);
    atomic_store(&is_counting, 1);
}

uint64_t larder_allocations_end(void) {
    atomic_store(&is_counting, 0);
    return atomic_load(&count);
}

int larder_allocations_counts_this_thread(void) {
    atomic_store(&forced, 1);
    larder_allocations_begin();
    void *volatile block = strdup("counted");
    uint64_t counted = larder_allocations_end();
    atomic_store(&forced, 0);
    free((void *)block);
    return counted > 0;
}

void larder_allocations_trace(int limit) { atomic_store(&traces, limit); }
