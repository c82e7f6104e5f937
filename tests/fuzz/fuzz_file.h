/* For fuzz targets of readers that take a path: the bytes as a temporary file. */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_PATH_BYTES 64

/* Ends the program, which the fuzzer reports, unless the condition holds. */
void fuzz_check(bool condition);

/* Whether a message is one line of text. */
bool fuzz_one_line(const char *text);

/* Writes a new file whose name ends with suffix; path receives the name. */
void fuzz_write_file(
    const uint8_t *data, size_t size, const char *suffix, char path[FUZZ_PATH_BYTES]);
void fuzz_remove_file(const char *path);

#endif
