#include "failing.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

bool failing_on, failing_threads_on;
size_t failing_at, failing_seen;
atomic_size_t failing_started;

static bool fails(void) {
    if (!failing_on || failing_seen++ != failing_at)
        return false;
    errno = ENOMEM; /* as malloc does */
    return true;
}

/* Names that the linker's --wrap asks for. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t bytes);
int __real_pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

void *__wrap_malloc(size_t bytes) {
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes) {
    return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes) {
    return fails() ? NULL : __real_realloc(old, bytes);
}

char *__wrap_strdup(const char *text) {
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t bytes) {
    return fails() ? NULL : __real_strndup(text, bytes);
}

int __wrap_pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    if (failing_threads_on && failing_seen++ == failing_at)
        return EAGAIN; /* as over RLIMIT_NPROC */
    int failed = __real_pthread_create(thread, attributes, start, argument);
    failing_started += failed == 0;
    return failed;
}
