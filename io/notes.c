#include "notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void notes_add(char **notes, const char *format, ...) {
    if (!notes)
        return;
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    size_t used = *notes ? strlen(*notes) : 0;
    char *longer = realloc(*notes, used + strlen(line) + 2);
    if (!longer)
        return;
    snprintf(longer + used, strlen(line) + 2, "%s%s", used ? "\n" : "", line);
    *notes = longer;
}
