#include "io/frames/acquisition.h"
#include "io/nifti/write.h"
#include "io/series/read.h"

#include <math.h>
#include <string.h>

/* Spacing and direction cosines of volumes that lie alike may differ by this, relatively. */
#define SAME_AXES 1e-4

static bool same_numbers(const double *a, const double *b, size_t count, double tolerance) {
    for (size_t i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= tolerance))
            return false;
    return true;
}

/* What of a grid is not that of another one; NULL: nothing. */
static const char *difference(const ul_grid *a, const ul_grid *b) {
    if (a->size[0] != b->size[0] || a->size[1] != b->size[1])
        return "rows and columns";
    if (a->size[2] != b->size[2])
        return "number of slices";
    if (!same_numbers(a->spacing_mm, b->spacing_mm, 2, SAME_AXES * a->spacing_mm[0]))
        return "pixel spacing";
    if (!a->origin_mm != !b->origin_mm)
        return "place";
    if (!a->origin_mm)
        return NULL;
    if (!same_numbers(a->axis_i, b->axis_i, 3, SAME_AXES) ||
        !same_numbers(a->axis_j, b->axis_j, 3, SAME_AXES))
        return "orientation";
    for (size_t k = 0; k < a->size[2]; k++)
        if (!same_numbers(a->origin_mm[k], b->origin_mm[k], 3, SERIES_SAME_PLACE_MM))
            return "place";
    return NULL;
}

ul_status ul_frames_check(const ul_frames *frames, ul_error *error) {
    const ul_series *first = frames->volumes[0];
    for (size_t n = 0; n < frames->count; n++) {
        const ul_series *series = frames->volumes[n];
        ul_status status = ul_series_check(series, error);
        if (status != UL_OK)
            return status;
        const char *what =
            strcmp(series->images[0]->type, first->images[0]->type) != 0 ? "image type"
            : series->channels != first->channels                        ? "number of colours"
                                                  : difference(&first->grid, &series->grid);
        if (what)
            return ul_error_set(error, UL_ERROR_GEOMETRY,
                "volume %zu of %zu (%s, %zux%zux%zu) differs from the first one (%s, %zux%zux%zu) "
                "in its %s",
                n + 1, frames->count, series->info.split, series->grid.size[0],
                series->grid.size[1], series->grid.size[2], first->info.split, first->grid.size[0],
                first->grid.size[1], first->grid.size[2], what);
    }
    return UL_OK;
}

/* The first of the times of a volume's images, seconds; NaN where one is unknown. */
static double start_of(const ul_series *series, dicom_key key) {
    double first = INFINITY;
    for (size_t k = 0; k < series->grid.size[2]; k++) {
        const dicom_image *image = series->images[k];
        double time = key == DICOM_KEYS ? image->acquired_s : image->key[key] / 1000;
        if (isnan(time))
            return NAN;
        first = fmin(first, time);
    }
    return first;
}

/* The even step between the volumes' times of a kind; 0: they are not even, NaN: not known, or all
 * the same. */
static double even_step(const ul_frames *frames, dicom_key key) {
    double first = start_of(frames->volumes[0], key);
    double span = start_of(frames->volumes[frames->count - 1], key) - first;
    span += key == DICOM_KEYS && span < -43200 ? 86400 : 0; /* past midnight */
    double step = span / (double)(frames->count - 1);
    bool same = true, even = step > 0;
    for (size_t n = 0; n < frames->count; n++) {
        double away = start_of(frames->volumes[n], key) - first;
        if (isnan(away))
            return NAN;
        same = same && away == 0;
        away += key == DICOM_KEYS && away < -43200 ? 86400 : 0;
        /* Scanners round times to milliseconds, Siemens to 2.5. */
        even = even && fabs(away - (double)n * step) <= fmax(0.005, 0.01 * step);
    }
    return same ? NAN : even ? step : 0;
}

bool frames_differ(const ul_frames *frames, dicom_key attribute) {
    double first = frames->volumes[0]->images[0]->key[attribute];
    for (size_t n = 1; n < frames->count; n++) {
        double here = frames->volumes[n]->images[0]->key[attribute];
        if (here != first && !(isnan(here) && isnan(first)))
            return true;
    }
    return false;
}

double ul_frames_step_s(const ul_frames *frames) {
    static const dicom_key kinds[] = {DICOM_KEY_FRAME_TIME, DICOM_KEY_TRIGGER_TIME, DICOM_KEYS};
    double step = NAN;
    acquisition a;
    if (frames->count < 2)
        return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && isnan(step); i++)
        step = even_step(frames, kinds[i]);
    if (step == 0 || acquisition_read(frames->volumes[0], &a, NULL) != UL_OK)
        return isnan(step) ? 0 : step;
    /* Volumes of one echo took a repetition each. */
    bool repeated = isnan(step) ? a.echo_planar && !frames_differ(frames, DICOM_KEY_ECHO_TIME)
                                : fabs(step - a.repetition_s) <= fmax(0.005, 0.01 * step);
    if (repeated && a.repetition_s > 0) /* is stated more finely than times of day */
        step = a.repetition_s;
    acquisition_free(&a);
    return isnan(step) ? 0 : step;
}

/* Reads one volume after another. */
typedef struct frame_reader {
    const ul_frames *frames;
    const ul_frames_options *options;
    ul_volume volume;
} frame_reader;

static ul_status open_frame(
    void *context, size_t index, const ul_volume **volume, ul_error *error) {
    frame_reader *reader = context;
    const ul_series *series = reader->frames->volumes[index];
    ul_volume_free(&reader->volume);
    *volume = &reader->volume;
    ul_status status =
        ul_series_read(series, reader->options->threads, NULL, &reader->volume, error);
    if (status == UL_OK && reader->options->philips_float)
        status = ul_series_use_philips_float(series, &reader->volume, error);
    if (status == UL_OK && reader->options->regular)
        status = ul_volume_make_regular(&reader->volume, UL_OUTSIDE_SMALLEST, error);
    return status;
}

/* What the file holds: grid, samples and rescaling of the first volume, and whether all share
 * them. */
static ul_status describe(
    const frame_reader *reader, ul_volume *like, bool *stored, ul_error *error) {
    const ul_frames *frames = reader->frames;
    ul_status status = UL_OK;
    *stored = true;
    for (size_t n = 0; n < frames->count && status == UL_OK; n++) {
        ul_volume other;
        status = series_describe(frames->volumes[n], &other, error);
        if (status == UL_OK && reader->options->philips_float)
            status = ul_series_use_philips_float(frames->volumes[n], &other, error);
        if (n == 0) {
            *like = other;
            other = (ul_volume){0};
        }
        const ul_volume *here = n == 0 ? like : &other;
        *stored = *stored && status == UL_OK && here->sample == like->sample &&
                  nifti_scaled_alike(here) && here->slope[0] == like->slope[0] &&
                  here->intercept[0] == like->intercept[0];
        ul_volume_free(&other);
    }
    if (status == UL_OK && reader->options->regular && like->grid.stack != UL_STACK_REGULAR) {
        ul_grid regular;
        status = ul_grid_regular(&like->grid, &regular, error);
        if (status == UL_OK) {
            ul_grid_free(&like->grid);
            like->grid = regular;
            *stored = false;
        }
    }
    return status;
}

ul_status ul_frames_write(
    const char *path, const ul_frames *frames, const ul_frames_options *options, ul_error *error) {
    frame_reader reader = {.frames = frames, .options = options};
    ul_volume like = {0};
    nifti_frames file = {.like = &like,
        .count = frames->count,
        .step_s = ul_frames_step_s(frames),
        .open = open_frame,
        .context = &reader};
    ul_status status = ul_frames_check(frames, error);
    if (status == UL_OK)
        status = describe(&reader, &like, &file.stored, error);
    if (status == UL_OK)
        status = nifti_write_frames(path, &file, NULL, options->threads, options->progress, error);
    ul_volume_free(&reader.volume);
    ul_volume_free(&like);
    return status;
}
