#include "jobs/train/augment.h"

#include "jobs/generate/spline.h"
#include "jobs/segment/slices.h"
#include "jobs/train/augment_values.h"

#include <stdlib.h>
#include <string.h>

/* From pixels of the patch, relative to its centre, to pixels of the slice. */
typedef struct geometry {
    double matrix[2][2], centre[2];
    bool elastic, mirrored; /* the order of neighbouring slices */
    bool exchanged;         /* left and right, along x */
    size_t taps;            /* samples per pixel and axis: more than 1 where the patch is coarser */
} geometry;

ul_status augment_scratch_create(const ul_plan *plan, augment_scratch *scratch, ul_error *error) {
    size_t width = plan->training.patch[0], height = plan->training.patch[1];
    size_t area = width * height, longest = width > height ? width : height;
    *scratch = (augment_scratch){{malloc(area * sizeof(float)), malloc(area * sizeof(float))},
        malloc((area + longest) * sizeof(float)), malloc(area * sizeof(float)), malloc(area)};
    if (scratch->displacement[0] && scratch->displacement[1] && scratch->line && scratch->channel &&
        scratch->inside)
        return UL_OK;
    augment_scratch_free(scratch);
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for training slices");
}

void augment_scratch_free(augment_scratch *scratch) {
    free(scratch->displacement[0]);
    free(scratch->displacement[1]);
    free(scratch->line);
    free(scratch->channel);
    free(scratch->inside);
    memset(scratch, 0, sizeof *scratch);
}

#define MAX_CONTROL 64

/* A smooth random field: normal displacements of control points, interpolated by cubic B-splines,
 * first along the rows of control points and then down the columns. */
static void draw_displacement(const ul_augmentation *augment, const size_t patch[2],
    random_stream *stream, float *line, float *field) {
    double spacing = fmax(augment->elastic_spacing_px, 4.0);
    for (int axis = 0; axis < 2; axis++)
        spacing = fmax(spacing, (double)patch[axis] / (MAX_CONTROL - 4));
    size_t columns = (size_t)((double)patch[0] / spacing) + 4;
    size_t rows = (size_t)((double)patch[1] / spacing) + 4;
    float control[MAX_CONTROL * MAX_CONTROL], weight[4];
    for (size_t i = 0; i < rows * columns; i++)
        control[i] = (float)(augment->elastic_px * random_normal(stream));
    for (size_t x = 0; x < patch[0]; x++) {
        size_t first = (size_t)((double)x / spacing);
        spline_weights((double)x / spacing - (double)first, weight);
        for (size_t r = 0; r < rows; r++) {
            const float *c = control + r * columns + first;
            line[r * patch[0] + x] =
                weight[0] * c[0] + weight[1] * c[1] + weight[2] * c[2] + weight[3] * c[3];
        }
    }
    for (size_t y = 0; y < patch[1]; y++) {
        size_t first = (size_t)((double)y / spacing);
        spline_weights((double)y / spacing - (double)first, weight);
        const float *l = line + first * patch[0];
        for (size_t x = 0; x < patch[0]; x++)
            field[y * patch[0] + x] = weight[0] * l[x] + weight[1] * l[patch[0] + x] +
                                      weight[2] * l[2 * patch[0] + x] +
                                      weight[3] * l[3 * patch[0] + x];
    }
}

static geometry draw_geometry(const ul_training *training, const sample_place *place,
    random_stream *stream, augment_scratch *scratch) {
    const ul_augmentation *augment = &training->augment;
    geometry g = {.centre = {place->centre[0], place->centre[1]}};
    double flip[2] = {random_happens(stream, augment->flip_x_p) ? -1.0 : 1.0,
        random_happens(stream, augment->flip_y_p) ? -1.0 : 1.0};
    g.mirrored = augment->flip_z_p > 0.0 && random_happens(stream, augment->flip_z_p);
    if (augment->mirror_p > 0.0 && random_happens(stream, augment->mirror_p)) {
        if (place->stack->sagittal)
            g.mirrored = !g.mirrored;
        else
            flip[0] = -flip[0];
    }
    double angle = 0.0, step[2] = {1.0, 1.0};
    if (random_happens(stream, augment->rotate_p))
        angle = random_uniform(stream, -augment->rotate_degrees, augment->rotate_degrees) *
                (3.141592653589793 / 180.0);
    if (random_happens(stream, augment->scale_p)) {
        double scale = random_uniform(stream, augment->scale_low, augment->scale_high);
        for (int axis = 0; axis < 2; axis++)
            step[axis] = 1.0 / (scale * random_uniform(stream, 1.0 - augment->stretch,
                                            1.0 + augment->stretch));
    }
    if (random_happens(stream, augment->shift_p))
        for (int axis = 0; axis < 2; axis++)
            g.centre[axis] += rint(random_uniform(stream, -augment->shift, augment->shift) *
                                   (double)training->patch[axis]);
    double c = cos(angle), s = sin(angle);
    g.matrix[0][0] = c * step[0] * flip[0];
    g.matrix[0][1] = -s * step[1] * flip[1];
    g.matrix[1][0] = s * step[0] * flip[0];
    g.matrix[1][1] = c * step[1] * flip[1];
    g.exchanged = flip[0] < 0.0 && !place->stack->sagittal;
    g.taps = (size_t)ceil(fmax(fmax(step[0], step[1]), 1.0) - 1e-6);
    g.elastic = random_happens(stream, augment->elastic_p);
    for (int axis = 0; axis < 2 && g.elastic; axis++)
        draw_displacement(
            augment, training->patch, stream, scratch->line, scratch->displacement[axis]);
    return g;
}

/* Where a pixel of the patch, relative to its centre, lies on the slice. */
static inline void to_slice(const geometry *g, double u, double v, double at[2]) {
    at[0] = g->centre[0] + g->matrix[0][0] * u + g->matrix[0][1] * v;
    at[1] = g->centre[1] + g->matrix[1][0] * u + g->matrix[1][1] * v;
}

/* Adds weight times the bilinear values of every channel at a point; the edge pixels reach half a
 * pixel out. */
static void add_bilinear(const sample_stack *stack, const uint16_t *const *channel, size_t channels,
    const double at[2], float weight, float *sum) {
    double limit[2] = {(double)stack->width - 1.0, (double)stack->height - 1.0};
    double x = fmin(fmax(at[0], 0.0), limit[0]), y = fmin(fmax(at[1], 0.0), limit[1]);
    size_t x0 = (size_t)x, y0 = (size_t)y;
    size_t x1 = x0 + 1 < stack->width ? x0 + 1 : x0, y1 = y0 + 1 < stack->height ? y0 + 1 : y0;
    float fx = (float)(x - (double)x0), fy = (float)(y - (double)y0);
    float w00 = weight * (1.0f - fx) * (1.0f - fy), w01 = weight * fx * (1.0f - fy);
    float w10 = weight * (1.0f - fx) * fy, w11 = weight * fx * fy;
    for (size_t c = 0; c < channels; c++) {
        const uint16_t *top = channel[c] + y0 * stack->width;
        const uint16_t *bottom = channel[c] + y1 * stack->width;
        sum[c] += w00 * (float)top[x0] + w01 * (float)top[x1] + w10 * (float)bottom[x0] +
                  w11 * (float)bottom[x1];
    }
}

/* What the network's input channels are taken from: a plane each, or a blend of two. */
typedef struct input_planes {
    size_t count;                                    /* of planes */
    const uint16_t *plane[2 * UL_PLAN_MAX_CHANNELS]; /* the channels', then second ones */
    size_t slice[2 * UL_PLAN_MAX_CHANNELS];          /* where each lies */
    size_t blended;                                  /* channels with a second plane */
    size_t channel[UL_PLAN_MAX_CHANNELS];            /* [blended] */
    float weight[UL_PLAN_MAX_CHANNELS];              /* [blended] of the second plane */
} input_planes;

/* The slice's own planes, or its neighbours', the other way round where mirrored. */
static void find_planes(
    const ul_plan *plan, const sample_place *place, bool mirrored, input_planes *in) {
    const sample_stack *stack = place->stack;
    const size_t channels = plan->input_channels, area = stack->width * stack->height;
    in->count = channels;
    in->blended = 0;
    for (size_t c = 0; c < channels; c++) {
        size_t plane = stack->channels == 1 ? 0 : c;
        slice_blend blend = {.slice = {place->slice, place->slice}};
        if (plan->card.channels == UL_CHANNELS_NEIGHBOURS)
            blend = slices_channel(&plan->card, stack->apart, stack->position_mm, stack->depth,
                place->slice, mirrored ? channels - 1 - c : c, channels);
        in->plane[c] = stack->pixels + (blend.slice[0] * stack->channels + plane) * area;
        in->slice[c] = blend.slice[0];
        if (blend.weight > 0.0f) {
            in->slice[in->count] = blend.slice[1];
            in->plane[in->count++] = stack->pixels + blend.slice[1] * stack->channels * area;
            in->channel[in->blended] = c;
            in->weight[in->blended++] = blend.weight;
        }
    }
}

/* The value of every plane of in at a point of the patch. */
static void sample_pixel(const geometry *g, const sample_stack *stack, const input_planes *in,
    double u, double v, float *sum) {
    float weight = 1.0f / (float)(g->taps * g->taps);
    for (size_t b = 0; b < g->taps; b++)
        for (size_t a = 0; a < g->taps; a++) {
            double at[2], n = (double)g->taps;
            to_slice(g, u + ((double)a + 0.5) / n - 0.5, v + ((double)b + 0.5) / n - 0.5, at);
            add_bilinear(stack, in->plane, in->count, at, weight, sum);
        }
    for (size_t n = 0; n < in->count; n++)
        sum[n] = stack->low[in->slice[n]] + stack->step[in->slice[n]] * sum[n];
}

static void resample(const ul_plan *plan, const sample_place *place, const geometry *g,
    augment_scratch *scratch, float *image, uint8_t *labels) {
    const sample_stack *stack = place->stack;
    const size_t *patch = plan->training.patch;
    const uint8_t *truth = stack->labels + place->slice * stack->width * stack->height;
    const size_t channels = plan->input_channels, area = patch[0] * patch[1];
    size_t pixel = 0;
    input_planes in;
    find_planes(plan, place, g->mirrored, &in);
    for (size_t y = 0; y < patch[1]; y++)
        for (size_t x = 0; x < patch[0]; x++, pixel++) {
            double u = (double)x - 0.5 * (double)(patch[0] - 1);
            double v = (double)y - 0.5 * (double)(patch[1] - 1);
            if (g->elastic) {
                u += (double)scratch->displacement[0][pixel];
                v += (double)scratch->displacement[1][pixel];
            }
            double at[2];
            to_slice(g, u, v, at);
            double i = floor(at[0] + 0.5), j = floor(at[1] + 0.5);
            bool inside =
                i >= 0.0 && j >= 0.0 && i < (double)stack->width && j < (double)stack->height;
            scratch->inside[pixel] = inside;
            labels[pixel] = inside ? truth[(size_t)j * stack->width + (size_t)i] : 255;
            float sum[2 * UL_PLAN_MAX_CHANNELS] = {0};
            if (inside)
                sample_pixel(g, stack, &in, u, v, sum);
            for (size_t n = 0; n < in.blended; n++)
                sum[in.channel[n]] += in.weight[n] * (sum[channels + n] - sum[in.channel[n]]);
            for (size_t c = 0; c < channels; c++)
                image[c * area + pixel] = sum[c];
        }
}

/* A mirrored slice shows each of a mirror pair on the other's side. */
static void exchange_sides(const ul_plan *plan, uint8_t *labels) {
    uint8_t other[256];
    for (unsigned number = 0; number < 256; number++)
        other[number] = (uint8_t)ul_segments_mirror(&plan->card.classes, number);
    for (size_t i = 0; i < plan->training.patch[0] * plan->training.patch[1]; i++)
        labels[i] = other[labels[i]];
}

void augment_cut(const ul_plan *plan, const sample_place *place, random_stream *stream,
    augment_scratch *scratch, float *image, uint8_t *labels) {
    geometry g = draw_geometry(&plan->training, place, stream, scratch);
    resample(plan, place, &g, scratch, image, labels);
    if (g.exchanged)
        exchange_sides(plan, labels);
    augment_values(plan, stream, scratch, image);
}
