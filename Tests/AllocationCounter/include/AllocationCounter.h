// Counts heap allocations of the threads whose names begin with "larder-", by standing in front of malloc and its kin.
#pragma once

#include <stdint.h>

/// 0 under a sanitizer, whose malloc can't be stood in front of.
int larder_allocations_are_countable(void);

/// Starts counting from zero; threads that are named later aren't missed.
void larder_allocations_begin(void);

/// Stops counting; returns how many allocations there were since `larder_allocations_begin`.
uint64_t larder_allocations_end(void);

/// 1 if malloc goes through the counter at all: without it a count of zero would mean nothing.
int larder_allocations_counts_this_thread(void);

/// Has each counted allocation print its backtrace to stderr, up to `limit` of them, for finding where they come from.
void larder_allocations_trace(int limit);
