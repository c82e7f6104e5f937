#include "apps/base/console.h"
#include "apps/base/series_choice.h"
#include "apps/base/target.h"
#include "apps/convert/convert.h"

#include <string.h>

/* Puts a volume whose slices are not even on an even grid. */
static ul_status make_regular(const convert_options *options, ul_volume *volume, ul_error *error) {
    ul_volume regular;
    ul_status status = ul_volume_regular(volume, UL_OUTSIDE_SMALLEST, &regular, error);
    if (status != UL_OK) {
        ul_error_prefix(error, "%s", options->input);
        return status;
    }
    size_t missing = ul_grid_slices_in_gaps(&volume->grid, &regular.grid);
    char note[160];
    snprintf(note, sizeof note,
        "%zu of %zu even slices lie where slices are missing: they hold the smallest value of the "
        "volume",
        missing, regular.grid.size[2]);
    if (missing > 0)
        convert_note(options, note);
    ul_volume_free(volume);
    *volume = regular;
    return UL_OK;
}

static ul_status write_volume(const convert_options *options, const ul_catalog *catalog,
    const char *path, const ul_series *series, ul_error *error) {
    ul_volume volume;
    ul_status status = convert_check_output(options, catalog, path, error);
    if (status == UL_OK)
        status = ul_series_read(series, 0, console_progress(), &volume, error);
    if (status != UL_OK)
        return status;
    if (options->philips_float)
        status = ul_series_use_philips_float(series, &volume, error);
    if (status == UL_OK && options->regular && volume.grid.stack != UL_STACK_REGULAR)
        status = make_regular(options, &volume, error);
    if (status == UL_OK)
        status = convert_write_volume(path, &volume, error);
    const ul_series_info *info = ul_series_get_info(series);
    for (size_t n = 0; status == UL_OK && n < info->note_count; n++)
        convert_note(options, info->notes[n]);
    if (status == UL_OK && info->philips_float && !options->philips_float)
        convert_note(options, "Philips MR: these are the displayed values; --philips-float takes "
                              "the scanner's floating-point ones");
    if (status == UL_OK && target_nifti_note(&volume.grid))
        convert_note(options, target_nifti_note(&volume.grid));
    if (status == UL_OK)
        convert_wrote(options, path, &volume.grid, NULL);
    ul_volume_free(&volume);
    return status;
}

static ul_status write_one(
    const convert_options *options, const ul_catalog *catalog, ul_error *error) {
    const ul_series *series;
    char path[TARGET_PATH_BYTES], identity[TARGET_PATH_BYTES];
    ul_status status = choose_series(catalog, options->series, &series, error);
    if (status == UL_ERROR_CHOICE && choose_count(catalog, options->series) > 1)
        ul_error_suffix(error, ", or --split for all of them, a file each");
    if (status == UL_OK) {
        target_identity(series, NULL, identity);
        status = target_name(options->output, identity, ".nii.gz", path, error);
    }
    return status == UL_OK ? write_volume(options, catalog, path, series, error) : status;
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
    if (status == UL_OK)
        status = write_volume(options, catalog, path, series, error);
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
static ul_status write_all(
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
    status =
        options->split ? write_all(options, catalog, error) : write_one(options, catalog, error);
    if (status == UL_OK)
        choose_note_faults(catalog);
    ul_catalog_close(catalog);
    return status;
}
