#include "parallel.h"

#include <omp.h>

ul_status parallel_each(size_t count, int threads, const char *what, const ul_progress *progress,
    parallel_task task, void *context, ul_error *error) {
    size_t done = 0;
    ul_error first = {0};
    bool stopped = false;
#pragma omp parallel for schedule(dynamic)                                                         \
    num_threads(threads > 0 ? threads : omp_get_max_threads())
    for (size_t i = 0; i < count; i++) {
        bool stop;
#pragma omp atomic read
        stop = stopped;
        if (stop)
            continue;
        ul_error own = {0};
        task(context, i, &own);
        size_t reached;
#pragma omp atomic capture
        reached = ++done;
        if (omp_get_thread_num() == 0 && !ul_progress_report(progress, what, reached, count))
            ul_error_set(&own, UL_ERROR_INTERRUPTED, "interrupted while %s", what);
        if (own.status != UL_OK) {
#pragma omp critical(parallel_error)
            if (first.status == UL_OK)
                first = own;
#pragma omp atomic write
            stopped = true;
        }
    }
    return first.status == UL_OK ? UL_OK : ul_error_set(error, first.status, "%s", first.text);
}
