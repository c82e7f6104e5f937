#define _GNU_SOURCE /* mkostemp */

#include "io/http/nameless_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int nameless_file(const char *folder) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/body-XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    return file;
}
