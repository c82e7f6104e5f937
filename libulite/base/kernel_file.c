#include "libulite/base/kernel_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

size_t ul_kernel_numbers(const char *path, long long *numbers, size_t most) {
    char line[128];
    FILE *file = fopen(path, "re");
    bool read = file && fgets(line, sizeof line, file);
    if (file)
        fclose(file);
    size_t count = 0;
    for (const char *at = line; read && count < most; count++) {
        char *end;
        errno = 0;
        numbers[count] = strtoll(at, &end, 10);
        if (end == at || errno != 0)
            break;
        at = end;
    }
    return count;
}
