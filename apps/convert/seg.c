#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/target.h"
#include "apps/convert/convert.h"

/* What a label volume can hold of a SEG. */
typedef enum label_content {
    CONTENT_LABELS,   /* one label per voxel */
    CONTENT_OVERLAP,  /* whole segments that share voxels */
    CONTENT_FRACTIONS /* values between none and all */
} label_content;

static size_t count_voxels(const ul_labels *labels) {
    return labels->grid.size[0] * labels->grid.size[1] * labels->grid.size[2];
}

static label_content content_of(const ul_labels *labels) {
    label_content content = CONTENT_LABELS;
    size_t voxels = count_voxels(labels);
    for (size_t v = 0; labels->fractions && v < voxels; v++) {
        size_t held = 0;
        for (size_t s = 0; s < labels->segments.count; s++) {
            uint8_t fraction = labels->fractions[s * voxels + v];
            if (fraction != 0 && fraction != 255)
                return CONTENT_FRACTIONS;
            held += fraction != 0;
        }
        if (held > 1)
            content = CONTENT_OVERLAP;
    }
    return content;
}

static ul_segments segment_alone(const ul_labels *labels, size_t s) {
    return (ul_segments){1, &labels->segments.items[s]};
}

/* Segment s alone: its number where it is. */
static ul_status write_mask(const char *path, const ul_labels *labels, size_t s, ul_error *error) {
    const ul_segments one = segment_alone(labels, s);
    ul_labels mask;
    ul_status status = ul_labels_create(&labels->grid, &one, false, &mask, error);
    if (status != UL_OK)
        return status;
    size_t voxels = count_voxels(labels);
    uint16_t number = (uint16_t)one.items[0].number;
    for (size_t v = 0; v < voxels; v++) {
        bool held =
            labels->fractions ? labels->fractions[s * voxels + v] > 127 : labels->map[v] == number;
        mask.map[v] = held ? number : 0;
    }
    status = convert_write_labels(path, &mask, error);
    ul_labels_free(&mask);
    return status;
}

/* The fractions of segment s as values from 0 to 1. */
static ul_status write_fractions(
    const char *path, const ul_labels *labels, size_t s, ul_error *error) {
    ul_volume volume;
    ul_status status = ul_volume_create(&labels->grid, 1, UL_SAMPLE_F32, &volume, error);
    if (status != UL_OK)
        return status;
    size_t voxels = count_voxels(labels);
    for (size_t v = 0; v < voxels; v++)
        ((float *)volume.samples)[v] = (float)labels->fractions[s * voxels + v] / 255.0f;
    status = convert_write_volume(path, &volume, error);
    ul_volume_free(&volume);
    return status;
}

static ul_status write_parts(const convert_options *options, const char *path,
    const ul_labels *labels, bool fractions, ul_error *error) {
    ul_status status = UL_OK;
    for (size_t s = 0; status == UL_OK && s < labels->segments.count; s++) {
        char number[16], part[TARGET_PATH_BYTES];
        snprintf(number, sizeof number, "%u", labels->segments.items[s].number);
        status = target_part(path, number, part, error);
        if (status == UL_OK)
            status = fractions ? write_fractions(part, labels, s, error)
                               : write_mask(part, labels, s, error);
        if (status != UL_OK)
            break;
        const ul_segments one = segment_alone(labels, s);
        convert_wrote(options, part, &labels->grid, &one);
        console_say("%s: segment %s, %s", part, number, one.items[0].label);
    }
    return status;
}

static ul_status overlapping(const convert_options *options, const char *other, ul_error *error) {
    return ul_error_set(error, UL_ERROR_CHOICE,
        "%s: its segments overlap, which one label volume cannot hold; a .seg.nrrd holds them in "
        "layers%s",
        options->input, other);
}

ul_status convert_check_map(
    const convert_options *options, const ul_labels *labels, const char *path, ul_error *error) {
    return content_of(labels) == CONTENT_OVERLAP && target_of(path) != TARGET_NRRD
               ? overlapping(options, "", error)
               : UL_OK;
}

/* One file where one file can hold it all, else as --split and --type say. */
static ul_status write_volume(
    const convert_options *options, const char *path, const ul_labels *labels, ul_error *error) {
    label_content content = content_of(labels);
    bool fractions = content == CONTENT_FRACTIONS &&
                     (options->type == UL_SEG_AUTO || options->type == UL_SEG_FRACTIONAL);
    if (options->split)
        return write_parts(options, path, labels, fractions, error);
    if (content == CONTENT_OVERLAP && target_of(path) != TARGET_NRRD) /* that has layers */
        return overlapping(options, ", --split a file for each", error);
    if (fractions && labels->segments.count > 1)
        return ul_error_set(error, UL_ERROR_CHOICE,
            "%s: it holds fractions of %zu segments; --split writes a file of fractions for each, "
            "--type binary the label map at one half",
            options->input, labels->segments.count);
    ul_status status = fractions ? write_fractions(path, labels, 0, error)
                                 : convert_write_labels(path, labels, error);
    if (status == UL_OK)
        convert_wrote(options, path, &labels->grid, &labels->segments);
    return status;
}

ul_seg_type convert_seg_type(const convert_options *options, const ul_labels *labels) {
    label_content content = content_of(labels);
    if (target_of(options->output) == TARGET_RTSTRUCT) /* contours of each by itself */
        return options->type;
    if (content == CONTENT_OVERLAP && options->type != UL_SEG_FRACTIONAL)
        convert_note(options,
            options->type == UL_SEG_AUTO && !options->rle
                ? "segments overlap: written as fractions of all or none, which hold each whole"
                : "segments overlap: a voxel of several belongs to the one of the highest number");
    bool open = options->type == UL_SEG_AUTO && !options->rle;
    return open && content != CONTENT_LABELS ? UL_SEG_FRACTIONAL : options->type;
}

static ul_status write_target(const convert_options *options, const ul_catalog *catalog,
    const ul_labels *labels, const ul_series *source, ul_error *error) {
    char path[TARGET_PATH_BYTES], identity[TARGET_PATH_BYTES];
    if (source)
        target_identity(source, options->input, identity);
    else
        console_called(options->input, identity, sizeof identity);
    ul_status status = target_name(options->output, identity, ".nii.gz", path, error);
    if (status == UL_OK)
        status = convert_check_output(options, catalog, path, error);
    if (status == UL_OK && options->names)
        status = convert_check_output(options, catalog, options->names, error);
    if (status != UL_OK)
        return status;
    switch (target_of(path)) {
    case TARGET_SEG:
    case TARGET_RTSTRUCT:
        if (!source)
            return ul_error_set(error, UL_ERROR_USAGE, "a .dcm output needs --source");
        return convert_write_seg(
            options, catalog, labels, source, convert_seg_type(options, labels), error);
    case TARGET_SR:
        return convert_write_sr(options, catalog, options->input, labels, source, error);
    case TARGET_PNG:
        status = convert_write_labels(path, labels, error);
        if (status == UL_OK)
            convert_wrote(options, path, &labels->grid, &labels->segments);
        return status;
    default:
        status = write_volume(options, path, labels, error);
        if (status == UL_OK && target_nifti_note(&labels->grid))
            convert_note(options, target_nifti_note(&labels->grid));
        return status;
    }
}

ul_status convert_seg(const convert_options *options, ul_error *error) {
    ul_catalog *catalog = NULL;
    const ul_series *source = NULL;
    ul_labels labels = {0};
    char *notes = NULL;
    ul_status status = UL_OK;
    if (options->source_count > 0)
        status = choose_open(options->sources, options->source_count, 0, &catalog, error);
    if (status == UL_OK && catalog)
        status = options->series || options->structures
                     ? choose_series(catalog, options->series, &source, error)
                     : ul_seg_find_source(options->input, catalog, &source, error);
    if (status == UL_OK)
        status = options->structures
                     ? ul_rtstruct_read(options->input, source, &labels, &notes, error)
                     : ul_seg_read(options->input, source, &labels, &notes, error);
    convert_notes(options, notes);
    if (status == UL_OK && options->regular && labels.grid.stack != UL_STACK_REGULAR)
        status = convert_make_regular(options, &labels, error);
    if (status == UL_OK)
        status = write_target(options, catalog, &labels, source, error);
    if (status == UL_OK)
        status = convert_write_table(options, &labels.segments, error);
    if (status == UL_OK && options->names)
        status = ul_segments_write(options->names, &labels.segments, error);
    if (status == UL_OK && catalog)
        choose_note_faults(catalog);
    ul_labels_free(&labels);
    ul_catalog_close(catalog);
    return status;
}
