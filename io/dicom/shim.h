/* For the .cc files of io only: how failures inside C++ become a ul_status. */
#pragma once

#include "ulite/error.h"

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
 * path (NULL: that names none). Every extern "C" entry goes through here. */
template <class Work> ul_status shim_guard(const char *path, ul_error *error, Work work) {
    auto fail = [&](ul_status status, const char *text) {
        return path ? ul_error_set(error, status, "%s: %s", path, text)
                    : ul_error_set(error, status, "%s", text);
    };
    try {
        return work();
    } catch (const Failure &failure) {
        return fail(failure.status, failure.text);
    } catch (const std::bad_alloc &) {
        return fail(UL_ERROR_LIMIT, "out of memory");
    } catch (const std::exception &unexpected) {
        return fail(UL_ERROR_INTERNAL, unexpected.what());
    } catch (...) {
        return fail(UL_ERROR_INTERNAL, "unknown exception");
    }
}
