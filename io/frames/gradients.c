#include "io/series/series.h"
#include "libulite/base/output.h"
#include "ulite/frames.h"
#include "volume/vec3.h"

#include <stdio.h>
#include <stdlib.h>

static const dicom_image *image_of(const ul_frames *frames, size_t n) {
    return frames->volumes[n]->images[0];
}

static bool is_directed(const dicom_image *image) {
    return image->key[DICOM_KEY_B_VALUE] > 0 && !isnan(image->key[DICOM_KEY_GRADIENT]) &&
           image->gradient_lps && vec3_length(image->gradient) > 0;
}

void ul_frames_count_gradients(const ul_frames *frames, size_t *b_values, size_t *directed) {
    *b_values = *directed = 0;
    for (size_t n = 0; n < frames->count; n++) {
        *b_values += !isnan(image_of(frames, n)->key[DICOM_KEY_B_VALUE]);
        *directed += is_directed(image_of(frames, n));
    }
}

/* The direction along the axes of the image, of length 1 or 0, as FSL counts them: of right-handed
 * voxel axes (in LPS and RAS alike) the first one is turned round. */
static void along_axes(const ul_series *series, double along[3]) {
    const ul_grid *grid = &series->grid;
    const dicom_image *image = series->images[0];
    double normal[3];
    ul_grid_normal(grid, normal);
    double way = ul_grid_step_mm(grid) < 0 ? -1 : 1, length = vec3_length(image->gradient);
    const double *axes[3] = {grid->axis_i, grid->axis_j, normal};
    for (int c = 0; c < 3; c++)
        along[c] = is_directed(image) ? vec3_dot(image->gradient, axes[c]) / length : 0.0;
    along[2] *= way;
    if (way > 0)
        along[0] = -along[0];
    for (int c = 0; c < 3; c++)
        along[c] += 0.0; /* no minus before a zero */
}

static ul_status put(const char *path, FILE *stream, char **text, size_t *size, ul_error *error) {
    ul_status status = stream && fclose(stream) == 0
                           ? ul_output_write(path, *text, *size, error)
                           : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    free(*text);
    *text = NULL;
    return status;
}

ul_status ul_gradients_write(
    const char *bval, const char *bvec, const ul_frames *frames, ul_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    for (size_t n = 0; stream && n < frames->count; n++) {
        double b = image_of(frames, n)->key[DICOM_KEY_B_VALUE];
        fprintf(stream, "%g%c", isnan(b) ? 0.0 : b, n + 1 < frames->count ? ' ' : '\n');
    }
    ul_status status = put(bval, stream, &text, &size, error);
    if (status != UL_OK || !bvec)
        return status;
    stream = open_memstream(&text, &size);
    for (int c = 0; stream && c < 3; c++)
        for (size_t n = 0; n < frames->count; n++) {
            double along[3];
            along_axes(frames->volumes[n], along);
            fprintf(stream, "%.9g%c", along[c], n + 1 < frames->count ? ' ' : '\n');
        }
    return put(bvec, stream, &text, &size, error);
}
