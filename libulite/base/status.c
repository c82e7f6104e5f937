#include "ulite/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Copies a text as one line: control characters, as file names and JSON may hold them, become \n or
 * \x1b. */
static void put_line(const char *from, char text[UL_ERROR_TEXT_BYTES]) {
    size_t used = 0;
    for (; *from && used + 5 < UL_ERROR_TEXT_BYTES; from++) {
        unsigned char byte = (unsigned char)*from;
        if (byte == '\n')
            used += (size_t)snprintf(text + used, 3, "\\n");
        else if (byte < ' ' || byte == '\177')
            used += (size_t)snprintf(text + used, 5, "\\x%02x", byte);
        else
            text[used++] = *from;
    }
    text[used] = '\0';
}

ul_status ul_error_set(ul_error *error, ul_status status, const char *format, ...) {
    if (error && error->status == UL_OK) {
        va_list arguments;
        va_start(arguments, format);
        char text[UL_ERROR_TEXT_BYTES];
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        put_line(text, error->text);
        error->status = status;
    }
    return status;
}

void ul_error_prefix(ul_error *error, const char *format, ...) {
    if (!error || error->status == UL_OK)
        return;
    char text[UL_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, ": %s", error->text);
    put_line(text, error->text);
}

void ul_error_suffix(ul_error *error, const char *format, ...) {
    if (!error || error->status == UL_OK)
        return;
    char text[2 * UL_ERROR_TEXT_BYTES];
    int used = snprintf(text, UL_ERROR_TEXT_BYTES, "%s", error->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, UL_ERROR_TEXT_BYTES, format, arguments);
    va_end(arguments);
    put_line(text, error->text);
}

const char *ul_status_name(ul_status status) {
    switch (status) {
    case UL_OK:
        return "success";
    case UL_ERROR_PARTIAL:
        return "some cases failed";
    case UL_ERROR_USAGE:
        return "usage error";
    case UL_ERROR_INPUT:
        return "input error";
    case UL_ERROR_CHOICE:
        return "nothing chosen";
    case UL_ERROR_GEOMETRY:
        return "geometry error";
    case UL_ERROR_MODEL:
        return "model error";
    case UL_ERROR_OUTPUT:
        return "output error";
    case UL_ERROR_LIMIT:
        return "out of memory or over a limit";
    case UL_ERROR_UNSUPPORTED:
        return "unsupported";
    case UL_ERROR_INTERRUPTED:
        return "interrupted";
    case UL_ERROR_DIVERGED:
        return "training diverged";
    case UL_ERROR_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}

const char *ul_version(void) {
    return ULITE_VERSION;
}

bool ul_progress_report(const ul_progress *progress, const char *stage, size_t done, size_t total) {
    return !progress || !progress->report ||
           progress->report(progress->context, stage, done, total);
}
