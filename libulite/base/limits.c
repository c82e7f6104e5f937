#include "libulite/base/limits.h"

#include "ulite/model.h"
#include "ulite/resources.h"

static bool fits(size_t size) {
    return size >= UL_SLICE_STEP && size <= UL_SLICE_MAX && size % UL_SLICE_STEP == 0;
}

ul_status ul_limits_check(size_t height, size_t width, int threads, ul_error *error) {
    if (!fits(height) || !fits(width))
        return ul_error_set(error, UL_ERROR_USAGE,
            "slices of %zu x %zu: expected height and width to be multiples of %d from %d to %d",
            height, width, UL_SLICE_STEP, UL_SLICE_STEP, UL_SLICE_MAX);
    if (threads < 0 || threads > UL_MOST_THREADS)
        return ul_error_set(error, UL_ERROR_USAGE, "%d threads: expected 0 (every core) to %d",
            threads, UL_MOST_THREADS);
    return UL_OK;
}
