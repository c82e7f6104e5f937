#include "apps/archive/archive.h"

#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/batch/batch.h"
#include "jobs/base/image_file.h"
#include "jobs/base/paths.h"

#include <stdlib.h>
#include <string.h>

ul_status batch_archive_open(
    const batch *b, const ul_case *item, batch_archive *archive, ul_error *error) {
    files_clear(b->scratch); /* of a run that was killed */
    ul_status status = archive_unpack(
        item->path, b->scratch, ARCHIVE_BYTES, console_progress(), &archive->only, error);
    const char *source = archive->only ? archive->only : b->scratch;
    if (status != UL_OK || image_file_kind(source) != IMAGE_NONE)
        return status;
    status = choose_open(&source, 1, b->arguments->threads, &archive->catalog, error);
    if (status == UL_OK)
        status = ul_case_open_archive(item, archive->catalog, &archive->cases, error);
    batch_name_archive(b, item, error);
    return status;
}

void batch_archive_close(const batch *b, batch_archive *archive) {
    ul_cohort_close(&archive->cases);
    ul_catalog_close(archive->catalog);
    files_clear(b->scratch);
    free(archive->only);
    *archive = (batch_archive){0};
}

void batch_name_archive(const batch *b, const ul_case *item, ul_error *error) {
    char text[UL_ERROR_TEXT_BYTES];
    if (error->status == UL_OK || !files_archive_stem(item->path))
        return;
    console_replace(error->text, b->scratch, item->path, text, sizeof text);
    memcpy(error->text, text, sizeof text);
}
