/* Text files whole. */
#pragma once

#include "ulite/error.h"

#include <stddef.h>

enum { TEXT_MOST_MIB = 64 }; /* for lists and tables */

/* A text file or pipe of at most most_mib MiB, NUL-terminated, the caller's. Errors: UL_ERROR_INPUT
 * (also for a NUL in it), UL_ERROR_LIMIT; *text is then NULL. */
ul_status ul_text_read(const char *path, size_t most_mib, char **text, ul_error *error);
