#define _GNU_SOURCE /* sched_getaffinity, madvise. NOLINT: a name that libc asks for */
#include "libulite/base/resources.h"

#include "ulite/model.h"
#include "ulite/resources.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* --- Affinity -------------------------------------------------------------------------------- */

/* Processors that the calling thread may run on. */
static int affinity(void) {
    enum { MOST = 1 << 16 };
    for (int most = 1024; most <= MOST; most *= 2) {
        cpu_set_t *set = CPU_ALLOC(most);
        if (!set)
            break;
        size_t bytes = CPU_ALLOC_SIZE(most);
        int failed = sched_getaffinity(0, bytes, set);
        int count = failed ? 0 : CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
        if (count > 0)
            return count;
        if (errno != EINVAL) /* of a set that is too small */
            break;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

/* --- Control groups -------------------------------------------------------------------------- */

enum { PATH_BYTES = 4352 };

/* quota of every period, both in microseconds; a quota that is not positive is no limit. */
static int rounded_up(long long quota, long long period) {
    if (quota <= 0 || period <= 0)
        return 0;
    long long processors = quota / period + (quota % period != 0);
    return processors < UL_MOST_THREADS ? (int)processors : 0;
}

/* "max 100000" or "150000 100000" */
static int limit_of_version_2(const char *folder) {
    char path[PATH_BYTES + 32];
    long long numbers[2];
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    return ul_kernel_numbers(path, numbers, 2) == 2 ? rounded_up(numbers[0], numbers[1]) : 0;
}

static int limit_of_version_1(const char *folder) {
    char path[PATH_BYTES + 32];
    long long quota, period;
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    bool read = ul_kernel_numbers(path, &quota, 1) == 1;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    return read && ul_kernel_numbers(path, &period, 1) == 1 ? rounded_up(quota, period) : 0;
}

double ul_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int smaller(int a, int b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The least limit of a group and those above it. In a container the folder may be mounted as the
 * top, where the group's own path leads nowhere. */
static int least_limit(const char *top, char *group, int (*limit_of)(const char *folder)) {
    char folder[PATH_BYTES];
    int least = 0;
    for (;;) {
        int length = snprintf(folder, sizeof folder, "%s%s", top, group);
        if (length > 0 && (size_t)length < sizeof folder)
            least = smaller(least, limit_of(folder));
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static bool lists(const char *controllers, const char *wanted) {
    size_t length = strlen(wanted);
    for (const char *at = controllers; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, wanted, length) == 0 && (at[length] == '\0' || at[length] == ','))
            return true;
    }
    return false;
}

/* A line of /proc/self/cgroup: "0::/group" of version 2, "4:cpu,cpuacct:/group" of version 1. */
static int limit_of_line(const char *root, char *line) {
    char top[PATH_BYTES];
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return 0;
    *group++ = '\0';
    controllers++;
    if (controllers[0] != '\0' && !lists(controllers, "cpu"))
        return 0;
    bool second = controllers[0] == '\0';
    snprintf(top, sizeof top, "%s/sys/fs/cgroup%s%s", root, second ? "" : "/", controllers);
    return least_limit(top, group, second ? limit_of_version_2 : limit_of_version_1);
}

int ul_cgroup_processors(const char *root) {
    char path[PATH_BYTES], line[PATH_BYTES];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    int least = 0;
    while (file && fgets(line, sizeof line, file))
        least = smaller(least, limit_of_line(root, line));
    if (file)
        fclose(file);
    return least;
}

/* --- Both ------------------------------------------------------------------------------------ */

int ul_processors(void) {
    return smaller(affinity(), ul_cgroup_processors(""));
}

int ul_default_threads(void) {
    const char *wanted = getenv("OMP_NUM_THREADS");
    char *end;
    long threads = wanted ? strtol(wanted, &end, 10) : 0; /* "4" or, nested, "4,2" */
    if (threads >= 1 && threads <= UL_MOST_THREADS && (*end == '\0' || *end == ','))
        return (int)threads;
    int processors = ul_processors();
    return processors < UL_MOST_THREADS ? processors : UL_MOST_THREADS;
}

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

static uint64_t fewer_bytes(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Inside a container its own control group is the root. */
static uint64_t machine_bytes(void) {
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    bytes = fewer_bytes(bytes, number_in("/sys/fs/cgroup/memory.max"));
    return fewer_bytes(bytes, number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
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

void *ul_grow(void *array, size_t count, size_t *room, size_t element_bytes) {
    if (count < *room)
        return array;
    size_t wanted = *room ? 2 * *room : 64;
    void *grown = realloc(array, wanted * element_bytes);
    if (grown)
        *room = wanted;
    return grown;
}

void *ul_huge_alloc(size_t *bytes) {
    const size_t page = (size_t)2 << 20; /* of x86-64 and, mostly, AArch64 */
    *bytes = (*bytes + page - 1) / page * page;
    void *memory = aligned_alloc(page, *bytes);
#ifdef MADV_HUGEPAGE
    if (memory)
        madvise(memory, *bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

size_t ul_kernel_numbers(const char *path, long long *numbers, size_t most) {
    char line[128];
    FILE *file = fopen(path, "re");
    bool read = file && fgets(line, sizeof line, file);
    if (file)
        fclose(file);
    size_t count = 0;
    for (const char *at = line; read && count < most; count++) {
        char *end;
        errno = 0;
        numbers[count] = strtoll(at, &end, 10);
        if (end == at || errno != 0)
            break;
        at = end;
    }
    return count;
}

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
