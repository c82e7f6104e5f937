#include "choose.h"
#include "console.h"
#include "convert.h"
#include "target.h"

/* Puts a volume whose slices are not even on an even grid. */
static ul_status make_regular(const convert_options *options, ul_volume *volume, ul_error *error) {
    ul_volume regular;
    ul_status status = ul_volume_regular(volume, UL_OUTSIDE_SMALLEST, &regular, error);
    if (status != UL_OK)
        return status;
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
        status = ul_nifti_write(path, &volume, NULL, console_progress(), error);
    const ul_series_info *info = ul_series_get_info(series);
    for (size_t n = 0; status == UL_OK && n < info->note_count; n++)
        convert_note(options, info->notes[n]);
    if (status == UL_OK && info->philips_float && !options->philips_float)
        convert_note(options, "Philips MR: these are the displayed values; --philips-float takes "
                              "the scanner's floating-point ones");
    if (status == UL_OK)
        convert_wrote(options, path, &volume.grid, NULL);
    ul_volume_free(&volume);
    return status;
}

static ul_status write_one(
    const convert_options *options, const ul_catalog *catalog, ul_error *error) {
    const ul_series *series;
    char path[TARGET_PATH_BYTES];
    ul_status status = choose_series(catalog, options->series, &series, error);
    if (status == UL_OK)
        status = target_name(
            options->output, ul_series_get_info(series)->series_uid, ".nii.gz", path, error);
    return status == UL_OK ? write_volume(options, catalog, path, series, error) : status;
}

/* Every volume that --series means, each to a file of its own: "out-1.nii.gz" for the first. */
static ul_status write_all(
    const convert_options *options, const ul_catalog *catalog, ul_error *error) {
    ul_status status = UL_OK;
    size_t count = 0;
    for (size_t i = 0; status == UL_OK && i < ul_catalog_size(catalog); i++) {
        if (!choose_matches(catalog, i, options->series))
            continue;
        const ul_series *series = ul_catalog_at(catalog, i);
        char number[24], whole[TARGET_PATH_BYTES], path[TARGET_PATH_BYTES];
        snprintf(number, sizeof number, "%zu", ++count);
        status = target_name(
            options->output, ul_series_get_info(series)->series_uid, ".nii.gz", whole, error);
        if (status == UL_OK)
            status = target_part(whole, number, path, error);
        if (status == UL_OK)
            status = write_volume(options, catalog, path, series, error);
        const ul_series_info *info = ul_series_get_info(series);
        if (status == UL_OK)
            console_say("%s: series %d%s%s", path, info->series_number, *info->split ? ", " : "",
                info->split);
    }
    if (status == UL_OK && count == 0)
        return ul_error_set(
            error, UL_ERROR_CHOICE, "no volume is \"%s\"", options->series ? options->series : "");
    return status;
}

ul_status convert_series(const convert_options *options, ul_error *error) {
    ul_catalog *catalog;
    ul_status status = choose_open(&options->input, 1, &catalog, error);
    if (status != UL_OK)
        return status;
    status =
        options->split ? write_all(options, catalog, error) : write_one(options, catalog, error);
    if (status == UL_OK)
        choose_note_faults(catalog);
    ul_catalog_close(catalog);
    return status;
}
