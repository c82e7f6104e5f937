/* For the .cc files of io only: how failures inside C++ become a ul_status. */
#ifndef SHIM_H
#define SHIM_H

#include "ulite/status.h"

#include <cstdarg>
#include <cstdio>
#include <exception>
#include <new>

/* Thrown by code behind shim_guard. The text is one line without the file's name. */
struct Failure {
    ul_status status;
    char text[UL_ERROR_TEXT_BYTES];

    UL_PRINTF(3, 4) Failure(ul_status failed, const char *format, ...) : status(failed) {
        va_list arguments;
        va_start(arguments, format);
        std::vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
    }
};

/* Runs work(), which returns a ul_status, and turns whatever it throws into an error that names
 * path. Every extern "C" entry goes through here. */
template <class Work> ul_status shim_guard(const char *path, ul_error *error, Work work) {
    try {
        return work();
    } catch (const Failure &failure) {
        return ul_error_set(error, failure.status, "%s: %s", path, failure.text);
    } catch (const std::bad_alloc &) {
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    } catch (const std::exception &unexpected) {
        return ul_error_set(error, UL_ERROR_INTERNAL, "%s: %s", path, unexpected.what());
    } catch (...) {
        return ul_error_set(error, UL_ERROR_INTERNAL, "%s: unknown exception", path);
    }
}

#endif
