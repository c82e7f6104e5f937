#include "apps/archive/unpacked.h"

#include "apps/archive/archive.h"
#include "apps/base/console.h"
#include "jobs/base/folders.h"
#include "jobs/base/paths.h"

#include <stdlib.h>
#include <string.h>

ul_status unpacked_open(unpacked_inputs *inputs, const char **input, ul_error *error) {
    const char *archive = *input;
    if (!archive_is(archive))
        return UL_OK;
    if (inputs->count == UNPACKED_MOST)
        return ul_error_set(
            error, UL_ERROR_LIMIT, "%s: one of more than %d archives", archive, UNPACKED_MOST);
    const ul_progress *progress = console_progress(); /* from here on signals do not end us */
    struct unpacked_input *item = &inputs->items[inputs->count];
    ul_status status = folder_make_temporary("ulite", &item->folder, error);
    if (status != UL_OK) {
        ul_error_prefix(error, "%s", archive);
        return status;
    }
    inputs->count++;
    item->inside = files_join(item->folder, "unpacked");
    if (!item->inside)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", archive);
    console_call(item->inside, archive);
    status = archive_unpack(archive, item->inside, ARCHIVE_BYTES, progress, &item->only, error);
    *input = item->only ? item->only : item->inside;
    return status;
}

void unpacked_close(unpacked_inputs *inputs, ul_error *error) {
    char called[sizeof error->text];
    console_called(error->text, called, sizeof called);
    memcpy(error->text, called, sizeof called);
    while (inputs->count > 0) {
        struct unpacked_input *item = &inputs->items[--inputs->count];
        files_clear(item->folder);
        free(item->folder);
        free(item->inside);
        free(item->only);
    }
    console_call(NULL, NULL);
}
