#include "apps/base/console.h"
#include "apps/batch/batch.h"
#include "libulite/base/resources.h"

#include <stdio.h>
#include <sys/resource.h>

void batch_progress_clear(batch_progress *p) {
    if (p->open)
        fputs("\r\033[K", stderr);
    p->open = false;
}

/* "done 41  failed 2  left 57  3.2/s  0:18 left" */
void batch_progress_draw(batch_progress *p) {
    double now = ul_seconds();
    if (!console_wants_bar() || (p->last_drawn > 0 && now - p->last_drawn < 0.1 && p->left > 0))
        return;
    fprintf(stderr, "\rdone %zu  failed %zu  left %zu", p->done, p->failed, p->left);
    if (p->run > 0 && now > p->start) {
        double rate = (double)p->run / (now - p->start);
        unsigned long left = (unsigned long)((double)p->left / rate + 0.5);
        fprintf(
            stderr, "  %.3g/s  %lu:%02lu:%02lu left", rate, left / 3600, left / 60 % 60, left % 60);
    }
    fputs("\033[K", stderr);
    fflush(stderr);
    p->last_drawn = now;
    p->open = true;
}

void batch_memory_start(void) {
    FILE *stream = fopen("/proc/self/clear_refs", "we");
    if (!stream)
        return;
    fputs("5", stream); /* the peak of the resident set begins anew: proc(5) */
    fclose(stream);
}

double batch_memory_peak(void) {
    char line[256];
    unsigned long kib = 0;
    FILE *stream = fopen("/proc/self/status", "re");
    while (stream && kib == 0 && fgets(line, sizeof line, stream))
        sscanf(line, "VmHWM: %lu", &kib);
    if (stream)
        fclose(stream);
    struct rusage used;
    if (kib == 0 && getrusage(RUSAGE_SELF, &used) == 0)
        kib = (unsigned long)used.ru_maxrss;
    return (double)kib / 1024.0;
}
