#include "io/base/notes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_line(const char *notes, const char *line) {
    size_t length = strlen(line);
    for (const char *at = notes; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, line, length) == 0 && (at[length] == '\n' || at[length] == '\0'))
            return true;
    }
    return false;
}

void notes_add(char **notes, const char *format, ...) {
    if (!notes)
        return;
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (*notes && has_line(*notes, line))
        return;
    size_t used = *notes ? strlen(*notes) : 0;
    char *longer = realloc(*notes, used + strlen(line) + 2);
    if (!longer)
        return;
    snprintf(longer + used, strlen(line) + 2, "%s%s", used ? "\n" : "", line);
    *notes = longer;
}

void notes_add_overlap(char **notes, size_t shared) {
    notes_add(notes,
        "segments overlap: %zu times a voxel belongs to a further segment; in the label map the "
        "higher number wins, each segment by itself is whole",
        shared);
}
