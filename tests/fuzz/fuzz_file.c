#define _GNU_SOURCE
#include "fuzz_file.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[FUZZ_PATH_BYTES];

void fuzz_check(bool condition) {
    if (!condition)
        abort();
}

bool fuzz_one_line(const char *text) {
    return text[0] && !strchr(text, '\n');
}

void fuzz_check_error(ul_status status, const ul_error *error) {
    fuzz_check(status == UL_OK || (error->status == status && fuzz_one_line(error->text)));
    fuzz_check(status != UL_ERROR_INTERNAL);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info, (void)type, (void)at;
    return remove(path);
}

static void remove_folder(void) {
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void) {
    if (!folder[0]) {
        struct stat info;
        bool memory = stat("/dev/shm", &info) == 0 && access("/dev/shm", W_OK) == 0;
        snprintf(folder, sizeof folder, "%s/ulite_fuzz_XXXXXX", memory ? "/dev/shm" : "/tmp");
        fuzz_check(mkdtemp(folder) != NULL);
        atexit(remove_folder);
    }
    return folder;
}

void fuzz_write_file(
    const uint8_t *data, size_t size, const char *suffix, char path[FUZZ_PATH_BYTES]) {
    snprintf(path, FUZZ_PATH_BYTES, "%s/f%s", fuzz_folder(), suffix);
    int file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    fuzz_check(file >= 0 && write(file, data, size) == (ssize_t)size && close(file) == 0);
}
