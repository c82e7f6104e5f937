#define _DEFAULT_SOURCE
#include "fuzz_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fuzz_check(bool condition) {
    if (!condition)
        abort();
}

bool fuzz_one_line(const char *text) {
    return text[0] && !strchr(text, '\n');
}

void fuzz_write_file(
    const uint8_t *data, size_t size, const char *suffix, char path[FUZZ_PATH_BYTES]) {
    snprintf(path, FUZZ_PATH_BYTES, "/tmp/ulite_fuzz_XXXXXX%s", suffix);
    int file = mkstemps(path, (int)strlen(suffix));
    fuzz_check(file >= 0 && write(file, data, size) == (ssize_t)size && close(file) == 0);
}

void fuzz_remove_file(const char *path) {
    unlink(path);
}
