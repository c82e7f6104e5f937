#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/json_out.h"
#include "apps/base/target.h"
#include "apps/segment/segment.h"
#include "ulite/segment.h"
#include "ulite/volume.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 96 }; /* of a file name behind its hash */

void segment_event(const char *name, const char *path, const char *text) {
    if (!console_settings.json)
        return;
    cJSON *event = event_begin(name);
    if (path)
        cJSON_AddStringToObject(event, "path", path);
    if (text)
        cJSON_AddStringToObject(event, "text", text);
    event_print(event);
}

/* What tells one run's file in a folder from another's: which volume was segmented, and by which
 * model, of whose name what is safe in file names is shown. */
static void name_run(const segment_input *input, const char *ending, char name[NAME_BYTES]) {
    char shown[65];
    size_t n = 0;
    for (; n < sizeof shown - 1 && input->model_name[n]; n++) {
        char c = input->model_name[n];
        shown[n] = isalnum((unsigned char)c) || c == '-' || c == '_' ? c : '_';
    }
    shown[n] = '\0';
    snprintf(name, NAME_BYTES, "-%s-%.8s%s", shown, input->model_hash, ending);
}

/* The file behind the n-th -o, and of what kind. A folder's file is of the input's own kind. */
static ul_status name_output(const segment_arguments *arguments, const segment_input *input,
    size_t n, target_kind *kind, char path[TARGET_PATH_BYTES], ul_error *error) {
    const char *output = arguments->outputs[n];
    char file[TARGET_PATH_BYTES], identity[TARGET_PATH_BYTES], name[NAME_BYTES];
    console_called(arguments->inputs[0], file, sizeof file);
    if (input->file != IMAGE_NONE)
        snprintf(identity, sizeof identity, "%s%.0zu", file, arguments->frame);
    else
        target_identity(input->series, NULL, identity);
    *kind = target_of(output);
    if (*kind == TARGET_UNKNOWN)
        return ul_error_set(error, UL_ERROR_USAGE,
            "-o takes a name in " TARGET_ENDINGS ", or a folder, not \"%s\"", output);
    if (*kind == TARGET_FOLDER)
        *kind = target_of_image(input->file);
    name_run(input, target_ending(*kind), name);
    return target_name(output, identity, name, path, error);
}

/* The path of the n-th of all outputs: those of -o, then the others; false past the last. */
static bool nth_path(const segment_arguments *arguments, const segment_input *input, size_t n,
    char path[TARGET_PATH_BYTES]) {
    const char *const figures[] = {arguments->stats, arguments->report, arguments->preview,
        arguments->html, arguments->sc, arguments->mask, arguments->label_table};
    target_kind kind;
    if (n < arguments->output_count)
        return name_output(arguments, input, n, &kind, path, NULL) == UL_OK;
    n -= arguments->output_count;
    for (size_t f = 0; f < sizeof figures / sizeof figures[0]; f++)
        if (figures[f] && n-- == 0)
            return snprintf(path, TARGET_PATH_BYTES, "%s", figures[f]) < TARGET_PATH_BYTES;
    return false;
}

ul_status segment_describe(const segment_arguments *arguments, const segment_input *input,
    segment_result *result, ul_error *error) {
    target_kind kind;
    if (input->series) {
        const ul_series_info *info = ul_series_get_info(input->series);
        snprintf(result->series_uid, sizeof result->series_uid, "%s", info->series_uid);
        snprintf(result->study_uid, sizeof result->study_uid, "%s", info->study_uid);
    }
    result->outputs = cJSON_CreateArray();
    char path[TARGET_PATH_BYTES];
    for (size_t n = 0; nth_path(arguments, input, n, path); n++)
        cJSON_AddItemToArray(result->outputs, cJSON_CreateString(path));
    return name_output(arguments, input, 0, &kind, result->output, error);
}

/* That every output can be written, is no other one and nothing that is read. */
static ul_status check_paths(
    const segment_arguments *arguments, const segment_input *input, ul_error *error) {
    char path[TARGET_PATH_BYTES], other[TARGET_PATH_BYTES];
    for (size_t n = 0; nth_path(arguments, input, n, path); n++) {
        for (size_t m = 0; m < n && nth_path(arguments, input, m, other); m++)
            if (ul_same_file(path, other))
                return ul_error_set(
                    error, UL_ERROR_USAGE, "%s: two outputs are this one file", path);
        ul_status status = target_check(path, arguments->inputs, arguments->input_count,
            input->catalog ? input->catalog : arguments->catalog, error);
        if (status == UL_OK)
            status = target_check(path, &arguments->model, 1, NULL, error);
        if (status == UL_OK)
            status = ul_output_check(path, error);
        if (status != UL_OK)
            return status;
    }
    return UL_OK;
}

static ul_status check_even(const char *path, const segment_input *input, ul_error *error) {
    if (input->volume.grid.stack != UL_STACK_UNEVEN)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_GEOMETRY,
        "%s: the file cannot hold slices at uneven distances: write a .dcm, or take --grid "
        "regular",
        path);
}

ul_status segment_check_outputs(
    const segment_arguments *arguments, segment_input *input, ul_error *error) {
    bool foreign = input->file != IMAGE_NONE, dicom = false, seg = false, report = false;
    ul_status status = segment_check_views(arguments, error);
    for (size_t n = 0; status == UL_OK && n < arguments->output_count; n++) {
        target_kind kind;
        char path[TARGET_PATH_BYTES];
        status = name_output(arguments, input, n, &kind, path, error);
        dicom = dicom || target_is_dicom(kind);
        seg = seg || kind == TARGET_SEG;
        report = report || kind == TARGET_SR;
        if (status == UL_OK && target_is_dicom(kind) && foreign && arguments->source_count == 0)
            status = ul_error_set(error, UL_ERROR_USAGE,
                "%s: a .dcm output needs --source, the images that it belongs to", path);
        if (status == UL_OK && kind == TARGET_PNG && input->volume.grid.size[2] != 1)
            status = ul_error_set(error, UL_ERROR_GEOMETRY,
                "%s: a PNG holds one slice, the input has %zu", path, input->volume.grid.size[2]);
        if (status == UL_OK && (kind == TARGET_NIFTI || kind == TARGET_NRRD))
            status = check_even(path, input, error);
    }
    if (status == UL_OK && report && !seg)
        status = ul_error_set(error, UL_ERROR_USAGE,
            "a report (.sr.dcm) needs -o with the segmentation (.dcm) that it reports on");
    if (status == UL_OK && arguments->sc && foreign && arguments->source_count == 0)
        status = ul_error_set(error, UL_ERROR_USAGE,
            "%s: --sc needs --source, the images that it belongs to", arguments->sc);
    dicom = dicom || arguments->sc;
    if (status == UL_OK && arguments->mask)
        status = check_even(arguments->mask, input, error);
    if (status == UL_OK && foreign && arguments->source_count > 0) {
        status = choose_open(arguments->sources, arguments->source_count, arguments->threads,
            &input->catalog, error);
        if (status == UL_OK)
            status = choose_series(input->catalog, arguments->series, &input->series, error);
        if (status == UL_OK)
            choose_note_faults(input->catalog);
    }
    if (status == UL_OK && dicom)
        status = ul_series_check_references(input->series, error);
    return status == UL_OK ? check_paths(arguments, input, error) : status;
}

/* An object that refers to the images. */
typedef struct dicom_job {
    target_kind kind;
    const char *path, *seg; /* seg: of a report, what it is on */
    const ul_segment_stats *stats;
} dicom_job;

static ul_status write_report(const dicom_job *job, const ul_labels *labels,
    const ul_series *series, const ul_seg_options *options, ul_error *error) {
    size_t count = labels->segments.count;
    ul_sr_measurement *measurements = calloc(count + 1, sizeof *measurements);
    if (!measurements)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", job->path);
    for (size_t s = 0; s < count; s++)
        measurements[s] = (ul_sr_measurement){
            job->stats[s].number, job->stats[s].volume_ml, job->stats[s].mean, job->stats[s].sd};
    ul_status status =
        ul_sr_write(job->path, job->seg, labels, series, measurements, count, options, error);
    free(measurements);
    return status;
}

static ul_status write_dicom(const dicom_job *job, const segment_arguments *arguments,
    const segment_input *input, const ul_labels *labels, ul_error *error) {
    ul_seg_options options;
    char *notes = NULL;
    ul_seg_options_init(&options);
    options.type = arguments->type;
    options.rle = arguments->rle;
    options.deflated = arguments->deflated;
    options.random_uids = arguments->random_uids;
    options.threads = arguments->threads;
    options.progress = console_progress();
    options.notes = &notes;
    ul_labels aligned = {0};
    ul_status status = UL_OK;
    if (input->file != IMAGE_NONE && !input->resampled) {
        status = ul_labels_align(labels, ul_series_grid(input->series), &aligned, error);
        labels = &aligned;
    }
    if (status == UL_OK && job->kind == TARGET_RTSTRUCT)
        status = ul_rtstruct_write(job->path, labels, input->series, &options, error);
    else if (status == UL_OK && job->kind == TARGET_SR)
        status = write_report(job, labels, input->series, &options, error);
    else if (status == UL_OK)
        status = ul_seg_write(job->path, labels, input->series, &options, error);
    console_lines("note: ", notes);
    free(notes);
    ul_labels_free(&aligned);
    return status;
}

static ul_status write_file(target_kind kind, const char *path, const segment_arguments *arguments,
    const segment_input *input, const ul_labels *labels, ul_error *error) {
    switch (kind) {
    case TARGET_NIFTI:
        return ul_nifti_write_labels(path, labels, input->resampled ? NULL : input->header,
            arguments->threads, console_progress(), error);
    case TARGET_NRRD:
        return ul_nrrd_write_labels(path, labels, arguments->threads, console_progress(), error);
    default:
        return ul_png_write_labels(path, labels, error);
    }
}

/* The SEG of this run, by the name that it has until all is written. */
static const char *find_seg(
    const segment_arguments *arguments, const segment_input *input, const written_files *written) {
    for (size_t n = 0; n < arguments->output_count; n++) {
        target_kind kind;
        char path[TARGET_PATH_BYTES];
        if (name_output(arguments, input, n, &kind, path, NULL) != UL_OK || kind != TARGET_SEG)
            continue;
        for (size_t f = 0; f < written->count; f++)
            if (strcmp(written->files[f].path, path) == 0)
                return written->files[f].fresh.temporary;
    }
    return NULL;
}

ul_status segment_write_outputs(const segment_arguments *arguments, const segment_input *input,
    const ul_labels *labels, const ul_segment_stats *stats, written_files *written,
    ul_error *error) {
    ul_status status = UL_OK;
    /* Reports refer to the SEG, which is written before. */
    for (size_t turn = 0; status == UL_OK && turn < 2 * arguments->output_count; turn++) {
        target_kind kind;
        char path[TARGET_PATH_BYTES];
        const char *temporary;
        status = name_output(arguments, input, turn % arguments->output_count, &kind, path, error);
        if (status == UL_OK && (kind == TARGET_SR) != (turn >= arguments->output_count))
            continue;
        if (status == UL_OK)
            status = written_next(written, path, &temporary, error);
        if (status != UL_OK)
            return status;
        const dicom_job job = {
            kind, temporary, kind == TARGET_SR ? find_seg(arguments, input, written) : NULL, stats};
        status = target_is_dicom(kind)
                     ? write_dicom(&job, arguments, input, labels, error)
                     : write_file(kind, temporary, arguments, input, labels, error);
        if (status == UL_OK && kind == TARGET_NIFTI && !input->header &&
            target_nifti_note(&labels->grid))
            console_say("note: %s", target_nifti_note(&labels->grid));
    }
    return status;
}

ul_status segment_write_mask(const segment_arguments *arguments, segment_input *input,
    const ul_labels *labels, written_files *written, ul_error *error) {
    const char *temporary;
    if (!arguments->mask)
        return UL_OK;
    ul_status status = written_next(written, arguments->mask, &temporary, error);
    if (status != UL_OK)
        return status;
    ul_volume_mask(labels, &input->volume);
    if (target_of(arguments->mask) == TARGET_NRRD)
        return ul_nrrd_write(
            temporary, &input->volume, arguments->threads, console_progress(), error);
    return ul_nifti_write(temporary, &input->volume, input->resampled ? NULL : input->header,
        arguments->threads, console_progress(), error);
}
