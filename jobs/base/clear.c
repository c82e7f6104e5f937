#define _XOPEN_SOURCE 700 /* nftw */

#include "jobs/base/paths.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>

static int delete_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

void files_clear(const char *folder) {
    nftw(folder, delete_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
