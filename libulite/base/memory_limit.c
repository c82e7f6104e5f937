#include "libulite/base/memory_limit.h"

#include "libulite/base/kernel_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic uint64_t limit_set, limit_default;

bool ul_memory_parse(const char *text, uint64_t *bytes) {
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (end == text || errno || !(number > 0))
        return false;
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (*end && (!unit || end[1]))
        return false;
    for (const char *u = units; unit && u <= unit; u++)
        number *= 1024;
    if (!(number >= 1 && number < 1e19))
        return false;
    *bytes = (uint64_t)number;
    return true;
}

/* The number that a file of the kernel begins with; UINT64_MAX where there is none ("max"). */
static uint64_t number_in(const char *path) {
    long long number;
    return ul_kernel_numbers(path, &number, 1) == 1 && number >= 0 ? (uint64_t)number : UINT64_MAX;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Inside a container its own control group is the root. */
static uint64_t machine_bytes(void) {
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    bytes = smaller(bytes, number_in("/sys/fs/cgroup/memory.max"));
    return smaller(bytes, number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
}

void ul_memory_set_limit(uint64_t bytes) {
    limit_set = bytes;
}

uint64_t ul_memory_limit(void) {
    if (limit_set)
        return limit_set;
    if (!limit_default) {
        uint64_t bytes;
        const char *text = getenv("ULITE_MAX_MEMORY");
        limit_default = text && ul_memory_parse(text, &bytes) ? bytes : machine_bytes() / 4 * 3;
    }
    return limit_default;
}

/* Resident memory that is the process's own; files that are mapped do not count. */
static uint64_t used_bytes(void) {
    long long pages[3]; /* size, resident, shared */
    if (ul_kernel_numbers("/proc/self/statm", pages, 3) != 3 || pages[1] < pages[2])
        return 0;
    return (uint64_t)(pages[1] - pages[2]) * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool ul_memory_fits(uint64_t bytes) {
    uint64_t limit = ul_memory_limit(), used = used_bytes();
    return used <= limit && bytes <= limit - used;
}

ul_status ul_memory_ask(uint64_t bytes, ul_error *error, const char *what, ...) {
    if (ul_memory_fits(bytes))
        return UL_OK;
    char text[256];
    va_list arguments;
    va_start(arguments, what);
    vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    const double mega = 1024 * 1024;
    return ul_error_set(error, UL_ERROR_LIMIT,
        "%s: %.6g MiB are needed, the memory limit is %.6g MiB, of which %.3g are in use", text,
        (double)bytes / mega, (double)ul_memory_limit() / mega, (double)used_bytes() / mega);
}
