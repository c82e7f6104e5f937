/* How much memory the readers of files may use: a small file may declare a large volume. */
#ifndef ULITE_MEMORY_H
#define ULITE_MEMORY_H

#include "ulite/status.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sets the limit of the process in bytes; 0 brings the default back: ULITE_MAX_MEMORY, or where
 * that is not set three quarters of the machine's memory or of the control group's limit. Any
 * thread may call it. */
UL_API void ul_memory_set_limit(uint64_t bytes);

/* The limit in bytes. */
UL_API uint64_t ul_memory_limit(void);

/* Reads a size such as "512M": a number above 0, then nothing (bytes), K, M, G or T (powers of
 * 1024). False for anything else. */
UL_API bool ul_memory_parse(const char *text, uint64_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
