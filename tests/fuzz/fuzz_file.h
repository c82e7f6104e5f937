/* For fuzz targets of readers that take a path: the bytes as a file in memory. */
#pragma once

#include "ulite/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_PATH_BYTES 64

/* Ends the program, which the fuzzer reports, unless the condition holds. */
void fuzz_check(bool condition);

/* Whether a message is one line of text. */
bool fuzz_one_line(const char *text);

/* Ends the program unless a call that came to status filled error with one line, or succeeded. */
void fuzz_check_error(ul_status status, const ul_error *error);

/* Puts the bytes into a file whose name ends with suffix and lies in memory. The same few files
 * are used again and again; path receives the name. */
void fuzz_write_file(
    const uint8_t *data, size_t size, const char *suffix, char path[FUZZ_PATH_BYTES]);

/* A folder in memory that goes when the program ends, path without a slash at its end. */
const char *fuzz_folder(void);
