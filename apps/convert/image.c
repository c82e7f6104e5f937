#include "apps/base/console.h"
#include "apps/base/target.h"
#include "apps/convert/convert.h"
#include "apps/convert/label_table.h"
#include "jobs/base/image_file.h"

ul_status convert_write_labels(const char *path, const ul_labels *labels, ul_error *error) {
    switch (target_of(path)) {
    case TARGET_PNG:
        return ul_png_write_labels(path, labels, error);
    case TARGET_NRRD:
        return ul_nrrd_write_labels(path, labels, 0, console_progress(), error);
    default:
        return ul_nifti_write_labels(path, labels, NULL, 0, console_progress(), error);
    }
}

ul_status convert_write_volume(const char *path, const ul_volume *volume, ul_error *error) {
    return target_of(path) == TARGET_NRRD
               ? ul_nrrd_write(path, volume, 0, console_progress(), error)
               : ul_nifti_write(path, volume, NULL, 0, console_progress(), error);
}

ul_status convert_write_table(
    const convert_options *options, const ul_segments *segments, ul_error *error) {
    if (!options->label_table)
        return UL_OK;
    ul_status status = convert_check_output(options, NULL, options->label_table, error);
    return status == UL_OK ? label_table_write(options->label_table, segments, error) : status;
}

bool convert_holds_labels(const convert_options *options) {
    switch (image_file_kind(options->input)) {
    case IMAGE_NIFTI:
        return options->segments || ul_nifti_probe_labels(options->input);
    case IMAGE_NRRD:
        return options->segments || ul_nrrd_probe_labels(options->input);
    default:
        return options->segments;
    }
}

ul_status convert_image(const convert_options *options, ul_error *error) {
    ul_volume volume;
    char *notes = NULL;
    ul_status status = convert_check_output(options, NULL, options->output, error);
    if (status == UL_OK)
        status = image_file_read(options->input, 0, &volume, NULL, &notes, error);
    convert_notes(options, notes);
    if (status != UL_OK)
        return status;
    status = convert_write_volume(options->output, &volume, error);
    if (status == UL_OK)
        convert_wrote(options, options->output, &volume.grid, NULL);
    ul_volume_free(&volume);
    return status;
}
