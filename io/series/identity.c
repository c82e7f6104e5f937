/* Whether the images of a series can be told apart by name, as a SEG has to. */
#include "io/base/uid.h"
#include "io/series/series.h"

#include <stdlib.h>
#include <string.h>

/* What is odd about the identities of the files of a series. */
typedef struct identities {
    size_t from_meta;              /* files for which the meta header has to speak */
    size_t unusable, shared;       /* files that cannot be referenced */
    const dicom_file *unusable_at; /* the first one */
    const dicom_file *shared_at[2];
    bool several_patients;
} identities;

static int by_instance(const void *left, const void *right) {
    const dicom_file *a = *(const dicom_file *const *)left;
    const dicom_file *b = *(const dicom_file *const *)right;
    int order = strcmp(a->sop_instance_uid, b->sop_instance_uid);
    return order ? order : strcmp(a->path, b->path);
}

static bool referable(const dicom_file *file) {
    return uid_usable(file->sop_class_uid) && uid_usable(file->sop_instance_uid);
}

static ul_status look_at(const ul_series *series, identities *found, ul_error *error) {
    size_t count = series->grid.size[2];
    memset(found, 0, sizeof *found);
    const dicom_file **files = malloc(count * sizeof *files);
    if (!files)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
    for (size_t k = 0; k < count; k++)
        files[k] = series->images[k]->file;
    qsort(files, count, sizeof *files, by_instance);
    for (size_t k = 0; k < count; k++) {
        const dicom_file *file = files[k], *last = k ? files[k - 1] : NULL;
        if (file == last) /* another frame of it */
            continue;
        found->from_meta += file->identity_from_meta;
        found->several_patients |= strcmp(file->patient_id, files[0]->patient_id) != 0;
        if (!referable(file)) {
            found->unusable_at = found->unusable++ ? found->unusable_at : file;
        } else if (last && strcmp(last->sop_instance_uid, file->sop_instance_uid) == 0) {
            if (found->shared++ == 0)
                found->shared_at[0] = last, found->shared_at[1] = file;
        }
    }
    free(files);
    return UL_OK;
}

ul_status series_note_identities(ul_series *series, ul_error *error) {
    identities found;
    ul_status status = look_at(series, &found, error);
    if (status == UL_OK && !series->info.series_uid[0])
        status = series_note(series, error, "no SeriesInstanceUID");
    if (status == UL_OK && found.from_meta)
        status = series_note(series, error,
            "no SOPInstanceUID or SOPClassUID in %zu file%s: that of the meta header stands for it",
            found.from_meta, found.from_meta == 1 ? "" : "s");
    if (status == UL_OK && found.unusable)
        status = series_note(series, error,
            "no valid SOPInstanceUID or SOPClassUID in %zu file%s: a SEG cannot reference them",
            found.unusable, found.unusable == 1 ? "" : "s");
    if (status == UL_OK && found.shared)
        status = series_note(series, error,
            "the SOPInstanceUID of another file in %zu file%s: a SEG cannot reference them",
            found.shared, found.shared == 1 ? "" : "s");
    if (status == UL_OK && found.several_patients)
        status = series_note(series, error, "the files state different PatientIDs");
    return status;
}

ul_status ul_series_check_references(const ul_series *series, ul_error *error) {
    if (series->info.mosaic)
        return ul_error_set(error, UL_ERROR_UNSUPPORTED,
            "the source is a mosaic: its slices are tiles of one image, which a SEG cannot "
            "reference; write NIfTI instead");
    identities found;
    ul_status status = look_at(series, &found, error);
    if (status != UL_OK)
        return status;
    if (found.unusable) {
        bool instance = !uid_usable(found.unusable_at->sop_instance_uid);
        const char *uid =
            instance ? found.unusable_at->sop_instance_uid : found.unusable_at->sop_class_uid;
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: %s %s: a SEG cannot reference the image (NIfTI can be written)",
            found.unusable_at->shown, instance ? "SOPInstanceUID" : "SOPClassUID",
            uid[0] ? "is no valid UID" : "is missing");
    }
    if (found.shared)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s and %s have the same SOPInstanceUID: a SEG cannot reference the one or the other "
            "(NIfTI can be written)",
            found.shared_at[0]->shown, found.shared_at[1]->shown);
    return UL_OK;
}
