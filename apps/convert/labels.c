#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/target.h"
#include "apps/convert/convert.h"
#include "jobs/base/image_file.h"
#include "volume/extend.h"

#include <string.h>

ul_status convert_check_output(
    const convert_options *options, const ul_catalog *catalog, const char *path, ul_error *error) {
    const char *const inputs[] = {options->input, options->segments};
    return target_check(path, inputs, sizeof inputs / sizeof inputs[0], catalog, error);
}

ul_status convert_write_seg(const convert_options *options, const ul_catalog *catalog,
    const ul_labels *labels, const ul_series *source, ul_seg_type type, ul_error *error) {
    char path[TARGET_PATH_BYTES], identity[TARGET_PATH_BYTES], *notes = NULL;
    target_identity(source, options->input, identity);
    ul_status status = target_name(options->output, identity, ".seg.dcm", path, error);
    if (status == UL_OK)
        status = convert_check_output(options, catalog, path, error);
    if (status != UL_OK)
        return status;
    ul_seg_options seg;
    ul_seg_options_init(&seg);
    seg.type = type;
    seg.rle = options->rle;
    seg.deflated = options->deflated;
    seg.random_uids = options->random_uids;
    seg.model_hash = "convert";
    seg.progress = console_progress();
    seg.notes = &notes;
    status = target_of(path) == TARGET_RTSTRUCT
                 ? ul_rtstruct_write(path, labels, source, &seg, error)
                 : ul_seg_write(path, labels, source, &seg, error);
    convert_notes(options, notes);
    if (status == UL_OK)
        convert_wrote(options, path, &labels->grid, &labels->segments);
    if (status == UL_OK && options->sr)
        status = convert_write_sr(options, catalog, path, labels, source, error);
    return status;
}

ul_status convert_make_regular(const convert_options *options, ul_labels *labels, ul_error *error) {
    ul_labels regular;
    ul_status status = ul_labels_regular(labels, &regular, error);
    if (status != UL_OK) {
        ul_error_prefix(error, "%s", options->input);
        return status;
    }
    ul_labels_free(labels);
    *labels = regular;
    return UL_OK;
}

/* Whether the file itself names a segment by more than its number. */
static bool are_named(const ul_segments *segments) {
    for (size_t s = 0; s < segments->count; s++) {
        ul_segment plain;
        ul_segment_init(&plain, segments->items[s].number);
        if (strcmp(segments->items[s].label, plain.label) != 0)
            return true;
    }
    return false;
}

/* The meaning of the numbers: the file's, or the numbers alone. */
static ul_status name_segments(const convert_options *options, ul_labels *labels, ul_error *error) {
    if (!options->segments && are_named(&labels->segments))
        return UL_OK;
    if (!options->segments) {
        convert_note(
            options, "the segments are named by their numbers; --segments FILE.json names them");
        return UL_OK;
    }
    if (labels->fractions)
        return ul_error_set(error, UL_ERROR_USAGE,
            "%s: its segments overlap and have names of their own: leave --segments away",
            options->input);
    ul_segments segments;
    ul_status status = segments_given_read(options->segments, &segments, error);
    if (status != UL_OK)
        return status;
    size_t voxels = labels->grid.size[0] * labels->grid.size[1] * labels->grid.size[2];
    unsigned known = 0; /* the number before: voxels of one label lie beside each other */
    unsigned missing = 0;
    for (size_t v = 0; v < voxels; v++) {
        unsigned number = labels->map[v];
        if (number == 0 || number == known)
            continue;
        known = number;
        if ((missing == 0 || number < missing) && !ul_segments_find(&segments, number))
            missing = number;
    }
    if (missing > 0) {
        ul_segments_free(&segments);
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: label %u occurs, but %s does not describe it", options->input, missing,
            options->segments);
    }
    ul_segments_free(&labels->segments);
    labels->segments = segments;
    return UL_OK;
}

/* Labels on the voxels of a volume, of which an NRRD file may hold a part alone. */
static ul_status align_to(const convert_options *options, const ul_labels *labels,
    const ul_grid *grid, ul_labels *aligned, ul_error *error) {
    ul_labels extended;
    if (image_file_kind(options->input) != IMAGE_NRRD)
        return ul_labels_align(labels, grid, aligned, error);
    ul_status status = ul_labels_align(labels, &labels->grid, &extended, error); /* a copy */
    if (status == UL_OK)
        status = labels_extend(&extended, grid, error);
    if (status == UL_OK)
        status = ul_labels_align(&extended, grid, aligned, error);
    ul_labels_free(&extended);
    return status;
}

/* The volumes that are meant and whose slices the labels lie on: one is wanted. */
static ul_status align_to_one(const convert_options *options, const ul_catalog *catalog,
    const ul_labels *labels, ul_labels *aligned, const ul_series **source, ul_error *error) {
    size_t meant = 0, fitting = 0;
    ul_error first = {0};
    for (size_t i = 0; i < ul_catalog_size(catalog); i++) {
        if (!ul_catalog_matches(catalog, i, options->series))
            continue;
        meant++;
        ul_labels candidate;
        const ul_series *series = ul_catalog_at(catalog, i);
        if (ul_series_check_places(series, &first) != UL_OK ||
            align_to(options, labels, ul_series_grid(series), &candidate, &first) != UL_OK)
            continue;
        if (fitting++ == 0) {
            *aligned = candidate;
            *source = series;
        } else {
            ul_labels_free(&candidate);
        }
    }
    if (fitting == 1)
        return UL_OK;
    if (fitting == 0 && meant == 1)
        return ul_error_set(error, first.status, "%s: %s", options->input, first.text);
    choose_list(catalog, meant ? options->series : NULL, NULL);
    if (fitting == 0)
        return ul_error_set(error, meant ? UL_ERROR_GEOMETRY : UL_ERROR_CHOICE,
            "%s: the labels lie on none of the volumes of the source", options->input);
    ul_labels_free(aligned);
    return ul_error_set(error, UL_ERROR_CHOICE,
        "%s: the labels fit %zu volumes of the source; choose one with --series", options->input,
        fitting);
}

static ul_status write_for(const convert_options *options, const ul_catalog *catalog,
    const ul_labels *labels, ul_error *error) {
    const ul_series *source = NULL;
    if (options->regular && labels->grid.stack == UL_STACK_REGULAR) { /* may be one of their own */
        ul_status status = choose_series(catalog, options->series, &source, error);
        return status == UL_OK ? convert_write_seg(options, catalog, labels, source,
                                     convert_seg_type(options, labels), error)
                               : status;
    }
    ul_labels aligned = {0};
    ul_status status = align_to_one(options, catalog, labels, &aligned, &source, error);
    if (status == UL_OK && options->regular && aligned.grid.stack != UL_STACK_REGULAR)
        status = convert_make_regular(options, &aligned, error);
    if (status == UL_OK)
        status = convert_write_seg(
            options, catalog, &aligned, source, convert_seg_type(options, &aligned), error);
    ul_labels_free(&aligned);
    return status;
}

/* To another file of labels. */
static ul_status write_plain(
    const convert_options *options, const ul_labels *labels, ul_error *error) {
    ul_status status = convert_check_output(options, NULL, options->output, error);
    if (status == UL_OK)
        status = convert_check_map(options, labels, options->output, error);
    if (status == UL_OK)
        status = convert_write_labels(options->output, labels, error);
    if (status == UL_OK)
        convert_wrote(options, options->output, &labels->grid, &labels->segments);
    return status;
}

ul_status convert_labels(const convert_options *options, ul_error *error) {
    ul_labels labels = {0};
    ul_catalog *catalog = NULL;
    char *notes = NULL;
    ul_status status = image_file_read_labels(options->input, &labels, &notes, error);
    convert_notes(options, notes);
    if (status == UL_OK && labels.segments.count == 0 && !options->segments)
        status = ul_error_set(error, UL_ERROR_INPUT,
            "%s: it holds no label; --segments says which segments were looked for, in vain",
            options->input);
    if (status == UL_OK)
        status = name_segments(options, &labels, error);
    target_kind target = target_of(options->output);
    if (status == UL_OK && !target_is_dicom(target) && target != TARGET_FOLDER) {
        status = write_plain(options, &labels, error);
        if (status == UL_OK)
            status = convert_write_table(options, &labels.segments, error);
        ul_labels_free(&labels);
        return status;
    }
    if (status == UL_OK)
        status = choose_open(options->sources, options->source_count, 0, &catalog, error);
    if (status == UL_OK)
        status = write_for(options, catalog, &labels, error);
    if (status == UL_OK)
        status = convert_write_table(options, &labels.segments, error);
    if (status == UL_OK)
        choose_note_faults(catalog);
    ul_catalog_close(catalog);
    ul_labels_free(&labels);
    return status;
}
