#include "io/base/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM_BYTES = 4 << 10 };

ul_status ul_text_read(const char *path, size_t most_mib, char **text, ul_error *error) {
    *text = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return ul_error_set(
            error, UL_ERROR_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    char *bytes = NULL;
    size_t used = 0, room = 0, most = most_mib << 20;
    do { /* pipes have no length: room grows with what comes */
        room = room ? 2 * room : FIRST_ROOM_BYTES;
        char *grown = realloc(bytes, room + 1);
        if (!grown)
            free(bytes);
        bytes = grown;
        used += bytes ? fread(bytes + used, 1, room - used, file) : 0;
    } while (bytes && used == room && room <= most);
    bool failed = ferror(file) != 0;
    fclose(file);
    ul_status status = UL_OK;
    if (!bytes)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    else if (failed)
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be read", path);
    else if (used > most)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: is larger than %zu MiB", path, most_mib);
    else if (memchr(bytes, '\0', used))
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: is not a text file", path);
    if (status != UL_OK) {
        free(bytes);
        return status;
    }
    bytes[used] = '\0';
    *text = bytes;
    return UL_OK;
}
