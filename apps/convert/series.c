#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/target.h"
#include "apps/base/written.h"
#include "apps/convert/convert.h"
#include "jobs/base/paths.h"
#include "ulite/frames.h"

#include <stdlib.h>
#include <string.h>

/* Writes one volume. */
static ul_status write_volume(
    const convert_options *options, const ul_series *series, const char *path, ul_error *error) {
    ul_volume volume;
    ul_status status = ul_series_read(series, 0, console_progress(), &volume, error);
    if (status != UL_OK)
        return status;
    if (options->philips_float)
        status = ul_series_use_philips_float(series, &volume, error);
    if (status == UL_OK && options->regular) {
        status = ul_volume_make_regular(&volume, UL_OUTSIDE_SMALLEST, error);
        if (status != UL_OK)
            ul_error_prefix(error, "%s", options->input);
    }
    if (status == UL_OK)
        status = convert_write_volume(path, &volume, error);
    ul_volume_free(&volume);
    return status;
}

static ul_status write_image(
    const convert_options *options, const ul_frames *frames, const char *path, ul_error *error) {
    if (frames->count == 1)
        return write_volume(options, frames->volumes[0], path, error);
    const ul_frames_options how = {.regular = options->regular,
        .philips_float = options->philips_float,
        .progress = console_progress()};
    ul_status status = ul_frames_write(path, frames, &how, error);
    if (status == UL_ERROR_GEOMETRY)
        ul_error_prefix(error, "%s", options->input);
    return status;
}

/* What an image may have beside it. */
enum { BESIDE_JSON, BESIDE_BVAL, BESIDE_BVEC, BESIDES };
static const char *const beside_endings[BESIDES] = {".json", ".bval", ".bvec"};

/* Which of them the volumes have. */
static bool has_beside(const convert_options *options, const ul_frames *frames, int beside) {
    size_t b_values, directed;
    if (!options->sidecar || beside == BESIDE_JSON)
        return options->sidecar;
    ul_frames_count_gradients(frames, &b_values, &directed);
    return (beside == BESIDE_BVAL ? b_values : directed) > 0;
}

static ul_status beside_name(const char *path, int beside, char *name, ul_error *error) {
    int length = snprintf(
        name, TARGET_PATH_BYTES, "%.*s%s", (int)files_stem(path), path, beside_endings[beside]);
    return length < TARGET_PATH_BYTES
               ? UL_OK
               : ul_error_set(error, UL_ERROR_OUTPUT, "%.100s...: the name is too long", path);
}

static ul_status check_outputs(const convert_options *options, const ul_catalog *catalog,
    const ul_frames *frames, const char *path, ul_error *error) {
    char name[TARGET_PATH_BYTES];
    ul_status status = convert_check_output(options, catalog, path, error);
    for (int beside = 0; beside < BESIDES && status == UL_OK; beside++) {
        if (!has_beside(options, frames, beside))
            continue;
        status = beside_name(path, beside, name, error);
        if (status == UL_OK)
            status = convert_check_output(options, catalog, name, error);
    }
    return status;
}

/* Writes what lies beside the image. */
static ul_status write_beside(const convert_options *options, const ul_frames *frames,
    const char *path, written_files *written, ul_error *error) {
    const char *temporary[BESIDES] = {NULL};
    ul_status status = UL_OK;
    for (int beside = 0; beside < BESIDES && status == UL_OK; beside++) {
        char name[TARGET_PATH_BYTES];
        if (!has_beside(options, frames, beside))
            continue;
        status = beside_name(path, beside, name, error);
        if (status == UL_OK)
            status = written_next(written, name, &temporary[beside], error);
    }
    bool resampled =
        options->regular && ul_series_grid(frames->volumes[0])->stack != UL_STACK_REGULAR;
    if (status == UL_OK && temporary[BESIDE_JSON])
        status = ul_sidecar_write(temporary[BESIDE_JSON], frames, resampled, error);
    if (status == UL_OK && temporary[BESIDE_BVAL])
        status = ul_gradients_write(temporary[BESIDE_BVAL], temporary[BESIDE_BVEC], frames, error);
    return status;
}

/* Whether a note of the n-th volume is one of a volume before it. */
static bool is_told(const ul_frames *frames, size_t n, const char *note) {
    for (size_t before = 0; before < n; before++) {
        const ul_series_info *info = ul_series_get_info(frames->volumes[before]);
        for (size_t k = 0; k < info->note_count; k++)
            if (strcmp(info->notes[k], note) == 0)
                return true;
    }
    return false;
}

/* Of even slices that were resampled, how many hold nothing. */
static void note_gaps(const convert_options *options, const ul_grid *grid) {
    ul_grid regular;
    if (!options->regular || grid->stack == UL_STACK_REGULAR ||
        ul_grid_regular(grid, &regular, NULL) != UL_OK)
        return;
    size_t missing = ul_grid_slices_in_gaps(grid, &regular);
    char note[160];
    snprintf(note, sizeof note,
        "%zu of %zu even slices lie where slices are missing: they hold the smallest value of the "
        "volume",
        missing, regular.size[2]);
    if (missing > 0)
        convert_note(options, note);
    ul_grid_free(&regular);
}

static void note_all(const convert_options *options, const ul_frames *frames) {
    const ul_grid *grid = ul_series_grid(frames->volumes[0]);
    bool philips = false;
    note_gaps(options, grid);
    for (size_t n = 0; n < frames->count; n++) {
        const ul_series_info *info = ul_series_get_info(frames->volumes[n]);
        philips = philips || info->philips_float;
        for (size_t k = 0; k < info->note_count; k++)
            if (!is_told(frames, n, info->notes[k]))
                convert_note(options, info->notes[k]);
    }
    if (philips && !options->philips_float)
        convert_note(options, "Philips MR: these are the displayed values; --philips-float takes "
                              "the scanner's floating-point ones");
    if (!options->regular && target_nifti_note(grid))
        convert_note(options, target_nifti_note(grid));
    size_t b_values, directed;
    ul_frames_count_gradients(frames, &b_values, &directed);
    if (options->sidecar && b_values > 0 && directed == 0)
        convert_note(options,
            "b-values, but no gradient directions in patient coordinates: no .bvec is written");
}

/* Keeps what was written for the report, and says what a file of several volumes holds. */
static ul_status report(
    const convert_options *options, const ul_frames *frames, const char *path, ul_error *error) {
    const ul_series_info *first = ul_series_get_info(frames->volumes[0]),
                         *last = ul_series_get_info(frames->volumes[frames->count - 1]);
    const ul_grid *grid = ul_series_grid(frames->volumes[0]);
    ul_grid regular = {0};
    if (options->regular && ul_grid_regular(grid, &regular, error) != UL_OK)
        return error->status;
    convert_wrote(options, path, options->regular ? &regular : grid, NULL);
    ul_grid_free(&regular);
    if (frames->count > 1) {
        double step = ul_frames_step_s(frames);
        char each[48] = "";
        convert_wrote_frames(options, frames->count, step);
        if (step > 0)
            snprintf(each, sizeof each, ", %.6g s apart", step);
        console_say(
            "%s: %zu volumes (%s to %s)%s", path, frames->count, first->split, last->split, each);
    }
    for (int beside = 0; beside < BESIDES; beside++) {
        char name[TARGET_PATH_BYTES];
        if (has_beside(options, frames, beside) && beside_name(path, beside, name, NULL) == UL_OK)
            convert_wrote_beside(options, name);
    }
    return UL_OK;
}

/* Writes volumes as one file, with what is asked for beside it: all of that, or nothing. */
static ul_status write_frames(const convert_options *options, const ul_catalog *catalog,
    const char *path, const ul_frames *frames, ul_error *error) {
    written_files written = {0};
    const char *temporary;
    ul_status status = check_outputs(options, catalog, frames, path, error);
    if (status != UL_OK)
        return status;
    status = written_next(&written, path, &temporary, error);
    if (status == UL_OK)
        status = write_image(options, frames, temporary, error);
    if (status == UL_OK)
        status = write_beside(options, frames, path, &written, error);
    status = written_end(&written, status, NULL, error);
    if (status != UL_OK)
        return status;
    note_all(options, frames);
    return report(options, frames, path, error);
}

static ul_status write_one(
    const convert_options *options, const ul_catalog *catalog, ul_error *error) {
    const ul_series *series;
    char path[TARGET_PATH_BYTES], identity[TARGET_PATH_BYTES];
    ul_status status = choose_series(catalog, options->series, &series, error);
    if (status == UL_ERROR_CHOICE && choose_count(catalog, options->series) > 1)
        ul_error_suffix(error, ", --all for the volumes of one series in one file, or --split for "
                               "a file each");
    if (status == UL_OK) {
        target_identity(series, NULL, identity);
        status = target_name(options->output, identity, ".nii.gz", path, error);
    }
    const ul_frames one = {&series, 1};
    return status == UL_OK ? write_frames(options, catalog, path, &one, error) : status;
}

/* The volumes that --series means, which are to be of one series. volumes: room for all. */
static ul_status choose_frames(const convert_options *options, const ul_catalog *catalog,
    const ul_series **volumes, size_t *count, ul_error *error) {
    *count = 0;
    for (size_t i = 0; i < ul_catalog_size(catalog); i++)
        if (ul_catalog_matches(catalog, i, options->series))
            volumes[(*count)++] = ul_catalog_at(catalog, i);
    if (*count == 0)
        return choose_series(catalog, options->series, volumes, error);
    const char *uid = ul_series_get_info(volumes[0])->series_uid;
    for (size_t n = 1; n < *count; n++) {
        if (strcmp(ul_series_get_info(volumes[n])->series_uid, uid) == 0)
            continue;
        choose_list(catalog, options->series, NULL);
        return ul_error_set(error, UL_ERROR_CHOICE,
            "%s: these %zu volumes are of several series: --series NUMBER says whose volumes --all "
            "puts into one file",
            options->input, *count);
    }
    return UL_OK;
}

static ul_status write_together(
    const convert_options *options, const ul_catalog *catalog, ul_error *error) {
    char path[TARGET_PATH_BYTES];
    size_t count = 0;
    const ul_series **volumes = malloc(ul_catalog_size(catalog) * sizeof *volumes);
    if (!volumes)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the volumes");
    ul_status status = choose_frames(options, catalog, volumes, &count, error);
    const ul_frames frames = {volumes, count};
    if (status == UL_OK)
        status = target_name(
            options->output, ul_series_get_info(volumes[0])->series_uid, ".nii.gz", path, error);
    if (status == UL_OK && ul_frames_check(&frames, error) == UL_ERROR_GEOMETRY) {
        status = error->status;
        ul_error_prefix(error, "%s", options->input);
        ul_error_suffix(error, ": one file cannot hold both; --split writes a file for each");
    }
    if (status == UL_OK)
        status = write_frames(options, catalog, path, &frames, error);
    free(volumes);
    return status;
}

/* One of several volumes, to a file of its own: "out-1.nii.gz" for the first. */
static ul_status write_part(const convert_options *options, const ul_catalog *catalog,
    const ul_series *series, size_t part, ul_error *error) {
    const ul_series_info *info = ul_series_get_info(series);
    char number[24], whole[TARGET_PATH_BYTES], path[TARGET_PATH_BYTES];
    snprintf(number, sizeof number, "%zu", part);
    ul_status status = target_name(options->output, info->series_uid, ".nii.gz", whole, error);
    if (status == UL_OK)
        status = target_part(whole, number, path, error);
    const ul_frames one = {&series, 1};
    if (status == UL_OK)
        status = write_frames(options, catalog, path, &one, error);
    if (status == UL_OK)
        console_say(
            "%s: series %d%s%s", path, info->series_number, *info->split ? ", " : "", info->split);
    return status;
}

/* Whether a volume's fault leaves the others as they are. */
static bool is_its_own(ul_status status) {
    return status == UL_ERROR_INPUT || status == UL_ERROR_GEOMETRY ||
           status == UL_ERROR_UNSUPPORTED;
}

/* Every volume that --series means; those that cannot be written are named, the others are. */
static ul_status write_each(
    const convert_options *options, const ul_catalog *catalog, ul_error *error) {
    size_t count = 0, failed = 0;
    for (size_t i = 0; i < ul_catalog_size(catalog); i++) {
        if (!ul_catalog_matches(catalog, i, options->series))
            continue;
        ul_error own = {0};
        char name[UL_SERIES_NAME_BYTES];
        ul_status status = write_part(options, catalog, ul_catalog_at(catalog, i), ++count, &own);
        if (status != UL_OK && !is_its_own(status))
            return ul_error_set(error, status, "%s", own.text);
        if (status == UL_OK)
            continue;
        failed++;
        ul_catalog_name(catalog, i, name);
        console_line(stderr, "ulite convert: series %s: %s", name, own.text);
    }
    if (count == 0)
        return ul_error_set(
            error, UL_ERROR_CHOICE, "no volume is \"%s\"", options->series ? options->series : "");
    if (failed > 0)
        return ul_error_set(
            error, UL_ERROR_PARTIAL, "%zu of %zu volumes cannot be written", failed, count);
    return UL_OK;
}

ul_status convert_series(const convert_options *options, ul_error *error) {
    ul_catalog *catalog;
    ul_status status = choose_open(&options->input, 1, 0, &catalog, error);
    if (status != UL_OK)
        return status;
    if (options->all)
        status = write_together(options, catalog, error);
    else
        status = options->split ? write_each(options, catalog, error)
                                : write_one(options, catalog, error);
    if (status == UL_OK)
        choose_note_faults(catalog);
    ul_catalog_close(catalog);
    return status;
}
