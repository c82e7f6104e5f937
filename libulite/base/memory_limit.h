/* What a reader asks before it allocates as much as a file declares. UL_API: for ulite-imaging,
 * too. */
#ifndef MEMORY_LIMIT_H
#define MEMORY_LIMIT_H

#include "ulite/resources.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A picture may have this many pixels, 16384 x 16384: more is refused before it is decoded. */
#define MEMORY_MAX_PIXELS ((uint64_t)1 << 28)

/* Whether the memory that the process has in use and `bytes` more are within the limit. */
UL_API bool ul_memory_fits(uint64_t bytes);

/* The same as an error: UL_ERROR_LIMIT, "WHAT needs ... more, the memory limit is ...", where what
 * tells the sizes that were declared. */
UL_API ul_status ul_memory_ask(uint64_t bytes, ul_error *error, const char *what, ...)
    UL_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
