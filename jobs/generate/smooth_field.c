#include "jobs/generate/smooth_field.h"

#include "jobs/generate/spline.h"

/* What B-splines leave of the variance of independent control points along one axis, on average
 * over the places between them: the sum of the squares of their weights. */
#define SPLINE_VARIANCE 0.479365

void smooth_field_draw(random_stream *stream, double sd, double spacing_mm, const double low_mm[3],
    const double high_mm[3], smooth_field *field) {
    field->flat = !(sd > 0.0);
    if (field->flat)
        return;
    for (int t = 0; t < 3; t++)
        spacing_mm = fmax(spacing_mm, (high_mm[t] - low_mm[t]) / (FIELD_MOST - 4));
    field->spacing_mm = spacing_mm;
    size_t count = 1;
    for (int t = 0; t < 3; t++) {
        field->start_mm[t] = low_mm[t];
        field->size[t] = (size_t)((high_mm[t] - low_mm[t]) / spacing_mm) + 4;
        count *= field->size[t];
    }
    float factor = (float)(sd / sqrt(SPLINE_VARIANCE * SPLINE_VARIANCE * SPLINE_VARIANCE));
    for (size_t i = 0; i < count; i++)
        field->control[i] = factor * (float)random_normal(stream);
}

double smooth_field_at(const smooth_field *field, const double at_mm[3]) {
    float weight[3][4];
    size_t first[3];
    if (field->flat)
        return 0.0;
    for (int t = 0; t < 3; t++) {
        double most = (double)(field->size[t] - 3);
        double at = (at_mm[t] - field->start_mm[t]) / field->spacing_mm;
        at = fmin(fmax(at, 0.0), most);
        first[t] = (size_t)fmin(floor(at), most - 1.0);
        spline_weights(at - (double)first[t], weight[t]);
    }
    float sum = 0.0f;
    for (size_t z = 0; z < 4; z++)
        for (size_t y = 0; y < 4; y++) {
            const float *c = field->control +
                             ((first[2] + z) * field->size[1] + first[1] + y) * field->size[0] +
                             first[0];
            sum += weight[2][z] * weight[1][y] *
                   (weight[0][0] * c[0] + weight[0][1] * c[1] + weight[0][2] * c[2] +
                       weight[0][3] * c[3]);
        }
    return (double)sum;
}
