/* A form: the first line is its Content-Type, the rest its body. */
#include "io/http/multipart.h"

#include "fuzz_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    if (!end)
        return 0;
    char *type = calloc(1, (size_t)(end - data) + 1);
    form_part *parts;
    size_t count;
    ul_error error = {0};
    memcpy(type, data, (size_t)(end - data));
    size -= (size_t)(end - data) + 1;
    fuzz_check_error(
        multipart_parse(type, (const char *)end + 1, size, 16, &parts, &count, &error), &error);
    for (size_t i = 0; i < count; i++)
        if (parts[i].data < (const char *)end + 1 ||
            parts[i].data + parts[i].size > (const char *)end + 1 + size)
            abort();
    free(parts);
    free(type);
    return 0;
}
