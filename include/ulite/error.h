/* Status codes, error texts and progress reports: what every fallible call of ulite shares. */
#ifndef ULITE_ERROR_H
#define ULITE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* Around the declarations of every header: they are C, also for C++. */
#ifdef __cplusplus
#define UL_BEGIN_C extern "C" {
#define UL_END_C }
#else
#define UL_BEGIN_C
#define UL_END_C
#endif

UL_BEGIN_C

#if defined(__GNUC__)
#define UL_API __attribute__((visibility("default")))
#define UL_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define UL_API
#define UL_PRINTF(text, first)
#endif

/* What a call came to. The numbers are fixed: they are also the exit codes of the ulite program. */
typedef enum ul_status {
    UL_OK = 0,
    UL_ERROR_PARTIAL = 1,      /* a batch finished, some cases failed */
    UL_ERROR_USAGE = 2,        /* a wrong argument or option */
    UL_ERROR_INPUT = 3,        /* an input cannot be read or is not what it claims */
    UL_ERROR_CHOICE = 4,       /* several volumes fit, or none: nothing was chosen */
    UL_ERROR_GEOMETRY = 5,     /* the geometry cannot be served */
    UL_ERROR_MODEL = 6,        /* the model is invalid, or was not made for this input */
    UL_ERROR_OUTPUT = 7,       /* an output cannot be written */
    UL_ERROR_LIMIT = 8,        /* out of memory, or over a documented limit */
    UL_ERROR_UNSUPPORTED = 9,  /* a transfer syntax, a mosaic, ... that is not served */
    UL_ERROR_INTERRUPTED = 10, /* the caller's progress function asked to stop */
    UL_ERROR_DIVERGED = 11,    /* training diverged */
    UL_ERROR_INTERNAL = 70     /* a bug in ulite */
} ul_status;

#define UL_ERROR_TEXT_BYTES 1024

/* Filled by the first failure of a call: owned by the caller, zero-initialise it. */
typedef struct ul_error {
    ul_status status;
    char text[UL_ERROR_TEXT_BYTES]; /* one line: what, where, what was got and expected, what to do
                                     */
} ul_error;

/* Fills *error (which may be NULL) unless an earlier failure did, and returns status. */
UL_API ul_status ul_error_set(ul_error *error, ul_status status, const char *format, ...)
    UL_PRINTF(3, 4);

/* Puts "prefix: " before the text of a failed *error (NULL or UL_OK: does nothing). */
UL_API void ul_error_prefix(ul_error *error, const char *format, ...) UL_PRINTF(2, 3);

/* Puts a text behind that of a failed *error, likewise. */
UL_API void ul_error_suffix(ul_error *error, const char *format, ...) UL_PRINTF(2, 3);

/* A short constant name, "input error" for UL_ERROR_INPUT; never NULL. */
UL_API const char *ul_status_name(ul_status status);

/* "0.1.0" */
UL_API const char *ul_version(void);

/* Long work reports through this. report() is called on the calling thread only, with stage a
 * constant string such as "reading"; it returns false to interrupt the work (UL_ERROR_INTERRUPTED).
 * A NULL ul_progress pointer, or a NULL report, means that nobody listens. */
typedef struct ul_progress {
    bool (*report)(void *context, const char *stage, size_t done, size_t total);
    void *context;
} ul_progress;

/* Calls progress->report where there is one; true where the work goes on. */
UL_API bool ul_progress_report(
    const ul_progress *progress, const char *stage, size_t done, size_t total);

UL_END_C
#endif
