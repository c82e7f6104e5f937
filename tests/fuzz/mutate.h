/* Mutators that change what lies within a checksum or a compressed stream, and put both right. For
 * fuzzers only: a replay has none. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's own. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

enum { MUTATE_MAX_BYTES = 1 << 18 }; /* inflated */

/* Mutates the bytes that a zlib (15), gzip (31) or raw deflate (-15) stream of `size` bytes holds.
 * Returns its new size, 0 where it cannot be inflated or becomes larger than max_size. */
size_t mutate_stream(uint8_t *data, size_t size, size_t max_size, int window_bits);
