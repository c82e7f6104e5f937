#include "slices.h"

#include "normalise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Spacings closer than this are one: no resampling for rounding in headers. */
#define SAME_RATIO 0.01

/* Patient axes (0 left, 1 back, 2 head) along x, y, z of an upright slice, and their signs. */
static const struct {
    int axis[3], sign[3];
} upright[] = {
    [UL_PLANE_AXIAL] = {{0, 1, 2}, {1, 1, 1}},
    [UL_PLANE_CORONAL] = {{0, 2, 1}, {1, -1, 1}},
    [UL_PLANE_SAGITTAL] = {{1, 2, 0}, {1, -1, 1}},
};

/* The patient axis nearest to each source axis, each used once, and whether they run together. */
static void patient_axes(const ul_grid *grid, int axis[3], int sign[3]) {
    double direction[3][3], normal[3];
    ul_grid_normal(grid, normal);
    double along = ul_grid_offset_mm(grid, grid->size[2] - 1) - ul_grid_offset_mm(grid, 0);
    for (int c = 0; c < 3; c++) {
        direction[0][c] = grid->axis_i[c];
        direction[1][c] = grid->axis_j[c];
        direction[2][c] = along < 0.0 ? -normal[c] : normal[c];
    }
    bool source_done[3] = {false}, patient_done[3] = {false};
    for (int n = 0; n < 3; n++) {
        int best_source = 0, best_patient = 0;
        double best = -1.0;
        for (int s = 0; s < 3; s++)
            for (int p = 0; p < 3; p++)
                if (!source_done[s] && !patient_done[p] && fabs(direction[s][p]) > best) {
                    best = fabs(direction[s][p]);
                    best_source = s;
                    best_patient = p;
                }
        source_done[best_source] = patient_done[best_patient] = true;
        axis[best_source] = best_patient;
        sign[best_source] = direction[best_source][best_patient] < 0.0 ? -1 : 1;
    }
}

static ul_status orient(
    const ul_grid *grid, const ul_card *card, size_t plane, slice_stack *stack, ul_error *error) {
    bool placed = grid->stack != UL_STACK_UNPLACED;
    for (int t = 0; t < 3; t++)
        stack->axis[t] = t;
    if (card->plane_count > 0 && placed) {
        int axis[3], sign[3];
        ul_plane wanted = card->planes[plane];
        patient_axes(grid, axis, sign);
        for (int t = 0; t < 3; t++)
            for (int s = 0; s < 3; s++)
                if (axis[s] == upright[wanted].axis[t]) {
                    stack->axis[t] = s;
                    stack->reversed[t] = sign[s] != upright[wanted].sign[t];
                }
        bool regular = grid->stack == UL_STACK_REGULAR && grid->size[2] > 1;
        if (stack->axis[2] != 2 && !regular)
            return ul_error_set(error, UL_ERROR_GEOMETRY,
                "the model takes %s slices, which cannot be cut from these %s ones: they are "
                "single, tilted or unevenly spaced",
                ul_plane_name(wanted), ul_plane_name(ul_grid_plane(grid)));
    }
    for (int t = 0; t < 3; t++)
        stack->source[t] = grid->size[stack->axis[t]];
    return UL_OK;
}

/* The size of the stack's slices, and how far its pixels lie apart in the source. */
static void scale(const ul_grid *grid, const ul_card *card, slice_stack *stack) {
    size_t size[2];
    for (int t = 0; t < 2; t++) {
        int axis = stack->axis[t];
        double spacing = axis < 2 ? grid->spacing_mm[axis] : fabs(ul_grid_step_mm(grid));
        size[t] = stack->source[t];
        stack->ratio[t] = 1.0;
        if (card->spacing_mm[t] > 0.0 && spacing > 0.0) {
            double ratio = card->spacing_mm[t] / spacing;
            if (fabs(ratio - 1.0) > SAME_RATIO) {
                size[t] = (size_t)fmax(1.0, rint((double)size[t] / ratio));
                stack->ratio[t] = ratio;
            }
        } else if (card->size[t] > 0) {
            stack->ratio[t] = (double)size[t] / (double)card->size[t];
            size[t] = card->size[t];
        }
    }
    stack->width = size[0];
    stack->height = size[1];
    stack->depth = stack->source[2];
}

size_t slices_source_index(const slice_stack *stack, size_t x, size_t y, size_t z) {
    size_t at[3] = {x, y, z}, source[3], size[3];
    for (int t = 0; t < 3; t++) {
        source[stack->axis[t]] = stack->reversed[t] ? stack->source[t] - 1 - at[t] : at[t];
        size[stack->axis[t]] = stack->source[t];
    }
    return (source[2] * size[1] + source[1]) * size[0] + source[0];
}

/* One axis of a linear resampling; coarser pixels average over their width (a wider triangle). */
static void resample_line(const float *in, size_t in_count, size_t in_stride, float *out,
    size_t out_count, size_t out_stride, double ratio) {
    double width = fmax(ratio, 1.0);
    for (size_t x = 0; x < out_count; x++) {
        double centre = ((double)x + 0.5) * ratio - 0.5;
        long first = (long)ceil(centre - width), last = (long)floor(centre + width);
        double sum = 0.0, weights = 0.0;
        for (long i = first; i <= last; i++) {
            double weight = 1.0 - fabs((double)i - centre) / width;
            long held = i < 0 ? 0 : i >= (long)in_count ? (long)in_count - 1 : i;
            sum += weight * (double)in[(size_t)held * in_stride];
            weights += weight;
        }
        out[x * out_stride] = (float)(sum / weights);
    }
}

/* A plane of source values to one of the stack; spare holds height x source width. */
static void resample_plane(const slice_stack *stack, const float *in, float *spare, float *out) {
    size_t in_width = stack->source[0], in_height = stack->source[1];
    if (stack->ratio[0] == 1.0 && stack->ratio[1] == 1.0) {
        memcpy(out, in, in_width * in_height * sizeof *out);
        return;
    }
    for (size_t x = 0; x < in_width; x++)
        resample_line(
            in + x, in_height, in_width, spare + x, stack->height, in_width, stack->ratio[1]);
    for (size_t y = 0; y < stack->height; y++)
        resample_line(spare + y * in_width, in_width, 1, out + y * stack->width, stack->width, 1,
            stack->ratio[0]);
}

/* Turns and resamples normalised values [k][j][i][channel] of the whole volume into the stack. */
static void fill(slice_stack *stack, const float *values, float *plane, float *spare) {
    size_t area = stack->width * stack->height, channels = stack->channels;
    for (size_t z = 0; z < stack->depth; z++)
        for (size_t c = 0; c < channels; c++) {
            size_t pixel = 0;
            for (size_t y = 0; y < stack->source[1]; y++)
                for (size_t x = 0; x < stack->source[0]; x++, pixel++)
                    plane[pixel] = values[slices_source_index(stack, x, y, z) * channels + c];
            resample_plane(stack, plane, spare, stack->pixels + (z * channels + c) * area);
        }
}

static ul_status check_channels(const ul_volume *volume, const ul_card *card, ul_error *error) {
    bool rgb = card->channels == UL_CHANNELS_RGB;
    if (rgb && volume->channels != 3)
        return ul_error_set(
            error, UL_ERROR_MODEL, "the model takes RGB images and this one is grey");
    if (!rgb && volume->channels != 1)
        return ul_error_set(
            error, UL_ERROR_MODEL, "the model takes grey images and this one is RGB");
    return UL_OK;
}

ul_status slices_prepare(const ul_volume *volume, const ul_card *card, size_t plane,
    slice_stack *stack, ul_error *error) {
    *stack = (slice_stack){.channels = volume->channels, .ratio = {1.0, 1.0}};
    ul_status status = check_channels(volume, card, error);
    if (status == UL_OK)
        status = orient(&volume->grid, card, plane, stack, error);
    if (status != UL_OK)
        return status;
    scale(&volume->grid, card, stack);
    const size_t *size = volume->grid.size;
    size_t samples = size[0] * size[1] * size[2] * volume->channels;
    size_t in_area = stack->source[0] * stack->source[1];
    stack->pixels = malloc(
        stack->width * stack->height * stack->depth * stack->channels * sizeof *stack->pixels);
    float *values = malloc(samples * sizeof *values);
    float *planes = malloc((in_area + stack->source[0] * stack->height) * sizeof *planes);
    if (!stack->pixels || !values || !planes)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zux%zux%zu voxels",
            size[0], size[1], size[2]);
    else
        status = normalise_volume(volume, &card->normalisation, values, error);
    if (status == UL_OK)
        fill(stack, values, planes, planes + in_area);
    free(values);
    free(planes);
    if (status != UL_OK)
        slices_free(stack);
    return status;
}

void slices_free(slice_stack *stack) {
    free(stack->pixels);
    memset(stack, 0, sizeof *stack);
}

static size_t nearest(size_t pixel, double ratio, size_t size) {
    double at = floor(((double)pixel + 0.5) * ratio);
    return at >= (double)size ? size - 1 : (size_t)at;
}

void slices_labels(const slice_stack *stack, const ul_labels *labels, uint8_t *pixels) {
    for (size_t z = 0; z < stack->depth; z++)
        for (size_t y = 0; y < stack->height; y++)
            for (size_t x = 0; x < stack->width; x++) {
                size_t sx = nearest(x, stack->ratio[0], stack->source[0]);
                size_t sy = nearest(y, stack->ratio[1], stack->source[1]);
                uint16_t label = labels->map[slices_source_index(stack, sx, sy, z)];
                *pixels++ = label > 255 ? 255 : (uint8_t)label;
            }
}

size_t slices_padded(size_t size) {
    return (size + 31) / 32 * 32;
}

void slices_input(const slice_stack *stack, const ul_card *card, size_t input_channels, size_t k,
    size_t width, size_t height, float *input) {
    size_t area = stack->width * stack->height;
    size_t left = (width - stack->width) / 2, top = (height - stack->height) / 2;
    memset(input, 0, input_channels * width * height * sizeof *input);
    for (size_t c = 0; c < input_channels; c++) {
        size_t slice = k, plane = stack->channels == 1 ? 0 : c;
        if (card->channels == UL_CHANNELS_NEIGHBOURS) {
            size_t shifted = k + c, half = input_channels / 2;
            slice = shifted < half ? 0 : shifted - half;
            slice = slice < stack->depth ? slice : stack->depth - 1;
        }
        const float *from = stack->pixels + (slice * stack->channels + plane) * area;
        float *to = input + (c * height + top) * width + left;
        for (size_t y = 0; y < stack->height; y++)
            memcpy(to + y * width, from + y * stack->width, stack->width * sizeof *to);
    }
}
