/* Work on many items side by side. */
#pragma once

#include "ulite/error.h"

typedef ul_status (*parallel_task)(void *context, size_t item, ul_error *error);

/* Calls the task for items 0 .. count - 1, in any order, on `threads` threads (0:
 * ul_default_threads()). After an error no item is begun; the first one is returned. Progress is
 * reported as `what` from the calling thread; UL_ERROR_INTERRUPTED where it says stop. */
ul_status parallel_each(size_t count, int threads, const char *what, const ul_progress *progress,
    parallel_task task, void *context, ul_error *error);
