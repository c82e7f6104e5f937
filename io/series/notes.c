/* What is odd about a series, in words. */
#include "io/base/uid.h"
#include "io/series/series.h"
#include "volume/vec3.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEGREES_PER_RADIAN (180 / 3.14159265358979323846)
#define THICKNESS_TOLERANCE 1e-3 /* relative */

ul_status series_note(ul_series *series, ul_error *error, const char *format, ...) {
    char text[640];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char **grown = realloc(series->notes, (series->info.note_count + 1) * sizeof *grown);
    char *copy = strdup(text);
    if (grown)
        series->notes = grown;
    if (!grown || !copy) {
        free(copy);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    }
    grown[series->info.note_count++] = copy;
    series->info.notes = (const char *const *)grown;
    return UL_OK;
}

static ul_status notes_on_geometry(ul_series *series, ul_error *error) {
    const ul_grid *grid = &series->grid;
    const dicom_file *first = series->images[0]->file;
    size_t slices = grid->size[2];
    ul_status status = UL_OK;
    if (grid->stack == UL_STACK_UNPLACED && first->position_left_out)
        return series_note(series, error,
            "no positions: %zu independent images; that of the first frame alone is left out",
            slices);
    if (grid->stack == UL_STACK_UNPLACED)
        return series_note(
            series, error, "no positions: %zu independent image%s", slices, slices == 1 ? "" : "s");
    if (first->step_from)
        status = series_note(series, error,
            "only the first frame's position is stated; the others follow by %s", first->step_from);
    if (!series->info.frame_of_reference_uid[0] && status == UL_OK)
        status = series_note(series, error, "no FrameOfReferenceUID");
    if (grid->stack == UL_STACK_TILTED && status == UL_OK) {
        double normal[3], step[3], lateral[3];
        ul_grid_normal(grid, normal);
        vec3_add(grid->origin_mm[slices - 1], -1, grid->origin_mm[0], step);
        double along = vec3_dot(step, normal);
        vec3_add(step, -along, normal, lateral);
        double degrees = atan2(vec3_length(lateral), along) * DEGREES_PER_RADIAN;
        double declared = series->images[0]->file->gantry_tilt_degrees;
        status =
            series_note(series, error, "gantry tilt %.1f degrees", copysign(degrees, declared));
    }
    if (grid->stack == UL_STACK_UNEVEN && status == UL_OK) {
        double least = HUGE_VAL, most = 0;
        for (size_t k = 0; k + 1 < slices; k++) {
            double step = ul_grid_offset_mm(grid, k + 1) - ul_grid_offset_mm(grid, k);
            least = fmin(least, step);
            most = fmax(most, step);
        }
        if (least <= SERIES_SAME_PLACE_MM) /* add_part says what is wrong */
            return UL_OK;
        if (most - least <= 0.1 * least)
            status = series_note(series, error, "slices displaced sideways, unevenly");
        else
            status =
                series_note(series, error, "uneven slice distances, %.4g to %.4g mm", least, most);
        size_t gaps = ul_grid_count_gaps(grid);
        if (gaps && status == UL_OK)
            status = series_note(
                series, error, "slices missing at %zu place%s", gaps, gaps == 1 ? "" : "s");
    }
    return status;
}

bool series_thickness_range(const dicom_image *const *images, size_t count, double range[2]) {
    range[0] = HUGE_VAL;
    range[1] = 0;
    for (size_t k = 0; k < count; k++) {
        range[0] = fmin(range[0], images[k]->thickness_mm);
        range[1] = fmax(range[1], images[k]->thickness_mm);
    }
    return range[1] - range[0] > THICKNESS_TOLERANCE * range[1];
}

static ul_status note_on_thickness(ul_series *series, ul_error *error) {
    double range[2];
    if (!series_thickness_range(series->images, series->grid.size[2], range))
        return UL_OK;
    return series_note(
        series, error, "slice thickness differs, %.4g to %.4g mm", range[0], range[1]);
}

/* A slope of 0, which some writers give to empty slices, would make an image of one value. */
static ul_status note_on_slopes(ul_series *series, ul_error *error) {
    size_t zeros = 0;
    for (size_t k = 0; k < series->grid.size[2]; k++)
        zeros += series->images[k]->slope == 0 && !series->images[k]->file->layout.has_modality_lut;
    if (zeros == 0)
        return UL_OK;
    return series_note(series, error, "RescaleSlope is 0 in %zu image%s: taken as 1", zeros,
        zeros == 1 ? "" : "s");
}

/* Enhanced objects may come in several files that count each other. */
static ul_status note_on_concatenation(ul_series *series, ul_error *error) {
    const dicom_file *first = series->images[0]->file;
    long parts = 0, total = first->concatenation_parts;
    const dicom_file *last = NULL;
    for (size_t k = 0; total > 1 && k < series->grid.size[2]; k++) {
        const dicom_file *file = series->images[k]->file;
        bool seen = file == last;
        for (size_t before = 0; !seen && before < k; before++)
            seen = series->images[before]->file == file;
        parts += !seen && strcmp(file->concatenation_uid, first->concatenation_uid) == 0;
        last = file;
    }
    if (total <= 1 || parts >= total)
        return UL_OK;
    return series_note(
        series, error, "%ld of the %ld parts of a concatenation missing", total - parts, total);
}

static ul_status notes_on_pixels(ul_series *series, ul_error *error) {
    const dicom_image *first = series->images[0];
    ul_status status = UL_OK;
    bool rescale_differs = false;
    for (size_t k = 1; k < series->grid.size[2]; k++)
        rescale_differs |= series->images[k]->slope != first->slope ||
                           series->images[k]->intercept != first->intercept;
    if (rescale_differs)
        status = series_note(series, error, "rescale slope or intercept differs between slices");
    if (first->file->layout.photometric == DICOM_MONOCHROME1 && status == UL_OK)
        status = series_note(series, error, "MONOCHROME1, inverted on reading");
    if (first->file->layout.kept_monochrome1 && status == UL_OK)
        status = series_note(series, error, "MONOCHROME1: a matter of display, values are kept");
    if (first->file->mosaic && status == UL_OK)
        status = series_note(series, error, "mosaic of %zu slices", series->grid.size[2]);
    if (first->file->lossy && status == UL_OK)
        status = series_note(series, error, "lossy compression");
    return status;
}

/* A FrameOfReferenceUID of its own in every file, which de-identification gives, is passed over. */
static ul_status note_on_frames_of_reference(ul_series *series, ul_error *error) {
    const dicom_file *first = series->images[0]->file;
    for (size_t k = 1; k < series->grid.size[2]; k++)
        if (strcmp(series->images[k]->file->frame_of_reference_uid,
                first->frame_of_reference_uid) != 0)
            return series_note(series, error,
                "every file has a FrameOfReferenceUID of its own: taken as one frame of reference");
    return UL_OK;
}

ul_status series_add_notes(ul_series *series, ul_error *error) {
    ul_status (*const notes[])(ul_series *, ul_error *) = {notes_on_geometry,
        note_on_frames_of_reference, note_on_thickness, notes_on_pixels, note_on_slopes,
        note_on_concatenation};
    ul_status status = UL_OK;
    for (size_t n = 0; n < sizeof notes / sizeof notes[0] && status == UL_OK; n++)
        status = notes[n](series, error);
    return status;
}

/* Whether the images of a series can be told apart by name, as a SEG has to. */

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
