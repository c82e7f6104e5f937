#include "apps/base/ending.h"

#include <string.h>
#include <strings.h>

bool ends_in(const char *path, const char *ending) {
    size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcasecmp(path + length - tail, ending) == 0;
}
