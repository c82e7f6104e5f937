/* What sessions and trainers take alike. */
#ifndef UL_LIMITS_H
#define UL_LIMITS_H

#include "ulite/error.h"

/* Slices of height x width pixels on `threads` threads (0: ul_default_threads()). Errors:
 * UL_ERROR_USAGE. */
ul_status ul_limits_check(size_t height, size_t width, int threads, ul_error *error);

#endif
