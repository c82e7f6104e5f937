/* What this process may use of the machine: processors, memory. */
#pragma once

#include "ulite/error.h"
#include "ulite/resources.h"

#include <stddef.h>

UL_BEGIN_C

/* Those that it may run on, or fewer where control groups limit its processor time; at least 1. */
int ul_processors(void);

/* Processors that control groups leave, of version 1 or 2, rounded up; 0 where they set no limit.
 * root: prefix of /proc and /sys, "" but for tests. */
int ul_cgroup_processors(const char *root);

/* Of a clock that only goes on. */
UL_API double ul_seconds(void);

/* What a reader asks before it allocates as much as a file declares (UL_API: for ulite-imaging,
 * too). */

/* A picture may have this many pixels, 16384 x 16384: more is refused before it is decoded. */
#define MEMORY_MAX_PIXELS ((uint64_t)1 << 28)

/* Whether the memory that the process has in use and `bytes` more are within the limit. */
UL_API bool ul_memory_fits(uint64_t bytes);

/* The same as an error: UL_ERROR_LIMIT, "WHAT needs ... more, the memory limit is ...", where what
 * tells the sizes that were declared. */
UL_API ul_status ul_memory_ask(uint64_t bytes, ul_error *error, const char *what, ...)
    UL_PRINTF(3, 4);

/* So many bytes at least, and as bytes tells afterwards, in huge pages where the system has them,
 * which spares translating addresses; NULL where there is not so much. free() frees them. */
UL_API void *ul_huge_alloc(size_t *bytes);

/* An array with room for one more than its `count` elements: the same one, or one of twice the room
 * that takes its place; NULL where memory ran out, and the array stays the caller's. */
UL_API void *ul_grow(void *array, size_t count, size_t *room, size_t element_bytes);

/* The whole numbers that the first line of a file begins with, most of them at most: how many there
 * are, 0 where there is no such file. A word ("max") ends them, and so does one out of range. */
size_t ul_kernel_numbers(const char *path, long long *numbers, size_t most);

/* What sessions and trainers take alike. */

/* Slices of height x width pixels on `threads` threads (0: ul_default_threads()). Errors:
 * UL_ERROR_USAGE. */
ul_status ul_limits_check(size_t height, size_t width, int threads, ul_error *error);

UL_END_C
