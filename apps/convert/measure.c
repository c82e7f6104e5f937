#include "apps/base/console.h"
#include "apps/convert/convert.h"
#include "ulite/sr.h"

#include <stdlib.h>

/* What the segments measure on the image that they lie on; labels on a grid of their own have no
 * values. */
static ul_status measure(const convert_options *options, const ul_labels *labels,
    const ul_series *source, ul_sr_measurement *measurements, ul_error *error) {
    size_t count = labels->segments.count;
    ul_volume volume = {0};
    ul_segment_stats *stats = calloc(count + 1, sizeof *stats);
    ul_status status =
        stats ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", options->sr);
    if (status == UL_OK && !options->regular)
        status = ul_series_read(source, 0, console_progress(), &volume, error);
    if (status == UL_OK)
        status = ul_stats_measure(
            options->regular ? NULL : &volume, labels, console_progress(), stats, count, error);
    for (size_t s = 0; status == UL_OK && s < count; s++)
        measurements[s] =
            (ul_sr_measurement){stats[s].number, stats[s].volume_ml, stats[s].mean, stats[s].sd};
    ul_volume_free(&volume);
    free(stats);
    return status;
}

ul_status convert_write_sr(const convert_options *options, const ul_catalog *catalog,
    const char *seg, const ul_labels *labels, const ul_series *source, ul_error *error) {
    size_t count = labels->segments.count;
    char *notes = NULL;
    ul_seg_options sr;
    ul_seg_options_init(&sr);
    sr.random_uids = options->random_uids;
    sr.model_hash = "convert";
    sr.notes = &notes;
    ul_status status = convert_check_output(options, catalog, options->sr, error);
    ul_sr_measurement *measurements = calloc(count + 1, sizeof *measurements);
    if (status == UL_OK)
        status = convert_check_map(options, labels, options->sr, error);
    if (!measurements)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", options->sr);
    if (status == UL_OK)
        status = measure(options, labels, source, measurements, error);
    if (status == UL_OK)
        status = ul_sr_write(options->sr, seg, labels, source, measurements, count, &sr, error);
    convert_notes(options, notes);
    free(measurements);
    if (status == UL_OK)
        convert_wrote_beside(options, options->sr);
    return status;
}
