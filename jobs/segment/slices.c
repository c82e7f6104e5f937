#include "jobs/segment/slices.h"
#include "volume/planes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Spacings closer than this are one: no resampling for rounding in headers. */
#define SAME_RATIO 0.01

static ul_status orient(
    const ul_grid *grid, const ul_card *card, size_t plane, orientation *o, ul_error *error) {
    *o = orientation_stored(grid);
    if (card->plane_count == 0 || grid->stack == UL_STACK_UNPLACED)
        return UL_OK;
    ul_plane wanted = card->planes[plane];
    *o = orientation_upright(grid, wanted);
    bool regular = grid->stack == UL_STACK_REGULAR && grid->size[2] > 1;
    if (o->axis[2] == 2 || regular)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_GEOMETRY,
        "the model takes %s slices, which cannot be cut from %s %s", ul_plane_name(wanted),
        grid->size[2] == 1               ? "a single"
        : grid->stack == UL_STACK_TILTED ? "tilted"
                                         : "unevenly spaced",
        grid->size[2] == 1 ? "slice" : "slices");
}

static ul_status check_size(const double size[2], ul_error *error) {
    if (size[0] < 1.0 || size[1] < 1.0)
        return ul_error_set(error, UL_ERROR_GEOMETRY,
            "slices of less than one pixel at the model's spacing: the model was made for larger "
            "images");
    if (size[0] > UL_SLICE_MAX || size[1] > UL_SLICE_MAX)
        return ul_error_set(error, UL_ERROR_LIMIT,
            "slices of %.10gx%.10g pixels at the model's spacing: the network takes up to %dx%d: "
            "crop them",
            size[0], size[1], UL_SLICE_MAX, UL_SLICE_MAX);
    return UL_OK;
}

/* The size of the stack's slices, and how far its pixels lie apart in the source. */
static ul_status scale(
    const ul_grid *grid, const ul_card *card, slice_stack *stack, ul_error *error) {
    double size[2]; /* may be too large for any whole number */
    for (int t = 0; t < 2; t++) {
        int axis = stack->o.axis[t];
        double spacing = axis < 2 ? grid->spacing_mm[axis] : fabs(ul_grid_step_mm(grid));
        size[t] = (double)stack->o.size[t];
        stack->ratio[t] = 1.0;
        if (card->spacing_mm[t] > 0.0 && spacing > 0.0) {
            double ratio = card->spacing_mm[t] / spacing;
            if (fabs(ratio - 1.0) > SAME_RATIO) {
                size[t] = rint(size[t] / ratio);
                stack->ratio[t] = ratio;
            }
        } else if (card->size[t] > 0) {
            stack->ratio[t] = size[t] / (double)card->size[t];
            size[t] = (double)card->size[t];
        }
    }
    ul_status status = check_size(size, error);
    if (status != UL_OK)
        return status;
    stack->width = (size_t)size[0];
    stack->height = (size_t)size[1];
    stack->depth = stack->o.size[2];
    stack->resampled = stack->ratio[0] != 1.0 || stack->ratio[1] != 1.0;
    return UL_OK;
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

/* Which slices are no neighbours: independent images, and those beside missing slices. */
static void find_gaps(const ul_grid *grid, slice_stack *stack) {
    bool placed = grid->stack != UL_STACK_UNPLACED, stored = stack->o.axis[2] == 2;
    for (size_t z = 0; z < stack->o.size[2]; z++) {
        bool last = z + 1 == stack->o.size[2];
        size_t k =
            stack->o.reversed[2] ? stack->o.size[2] - 2 - z : z; /* of the lower of the two */
        stack->apart[z] = last || !placed || (stored && ul_grid_gap_after(grid, k));
    }
}

/* Where the slices lie, along their normal: a tilted or uneven stack's as they are. */
static void find_positions(const ul_grid *grid, slice_stack *stack) {
    bool stored = stack->o.axis[2] == 2;
    double step = stored ? 0.0 : grid->spacing_mm[stack->o.axis[2]];
    size_t first = stack->o.reversed[2] ? stack->o.size[2] - 1 : 0;
    for (size_t z = 0; z < stack->o.size[2]; z++) {
        size_t k = stack->o.reversed[2] ? stack->o.size[2] - 1 - z : z;
        stack->position_mm[z] =
            stored ? fabs(ul_grid_offset_mm(grid, k) - ul_grid_offset_mm(grid, first))
                   : (double)z * step;
    }
}

static ul_status prepare(const ul_volume *volume, const ul_card *card, int threads,
    slice_stack *stack, ul_error *error) {
    stack->scaled_alone = card->normalisation.per_slice;
    stack->apart = calloc(stack->o.size[2] + 1, sizeof *stack->apart);
    stack->scales = calloc(stack->o.size[2] + 1, sizeof *stack->scales);
    stack->position_mm = calloc(stack->o.size[2] + 1, sizeof *stack->position_mm);
    if (!stack->apart || !stack->scales || !stack->position_mm)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for slices");
    find_gaps(&volume->grid, stack);
    find_positions(&volume->grid, stack);
    const size_t size[2] = {stack->width, stack->height};
    ul_status status = UL_OK;
    for (int t = 0; status == UL_OK && stack->resampled && t < 2; t++)
        status = resampler_create(
            stack->o.size[t], size[t], stack->ratio[t], true, &stack->along[t], error);
    if (status == UL_OK)
        status = normalise_measure(
            volume, &stack->o, &card->normalisation, threads, stack->scales, error);
    return status;
}

ul_status slices_open(const ul_volume *volume, const ul_card *card, size_t plane, int threads,
    slice_stack *stack, ul_error *error) {
    *stack = (slice_stack){.volume = volume,
        .channels = volume->channels,
        .sagittal = card->plane_count > 0 && card->planes[plane] == UL_PLANE_SAGITTAL};
    ul_status status = check_channels(volume, card, error);
    if (status == UL_OK)
        status = orient(&volume->grid, card, plane, &stack->o, error);
    if (status == UL_OK)
        status = scale(&volume->grid, card, stack, error);
    if (status == UL_OK)
        status = prepare(volume, card, threads, stack, error);
    stack->through = 1.0;
    stack->out = stack->o;
    for (int t = 0; t < 2; t++)
        stack->same[t] = stack->ratio[t] == 1.0;
    if (status != UL_OK)
        slices_close(stack);
    return status;
}

void slices_thin(slice_stack *stack, size_t count, double through, bool from_end) {
    const size_t pixels[2] = {stack->width, stack->height};
    for (int t = 0; t < 2; t++) {
        stack->same[t] = stack->ratio[t] >= 1.0;
        stack->out.size[t] = stack->same[t] ? pixels[t] : stack->o.size[t];
    }
    double edge = 0.5 * through - 0.5;
    double last = (double)stack->o.size[2] - 1.0 - edge;
    stack->out.size[2] = stack->depth = count;
    stack->through = through;
    stack->first = from_end ? last - (double)(count - 1) * through : edge;
}

void slices_close(slice_stack *stack) {
    free(stack->apart);
    free(stack->scales);
    free(stack->position_mm);
    resampler_free(&stack->along[0]);
    resampler_free(&stack->along[1]);
    memset(stack, 0, sizeof *stack);
}

/* Of a slice: its pixels, its values, one channel of these, that half resampled, a mask of bytes.
 */
size_t slices_scratch(const slice_stack *stack) {
    size_t area = stack->o.size[0] * stack->o.size[1];
    return stack->width * stack->height * stack->channels + area * (stack->channels + 1) +
           stack->o.size[0] * stack->height + (area + sizeof(float) - 1) / sizeof(float);
}

void slices_cut(const slice_stack *stack, size_t z, float *scratch, float *pixels) {
    const size_t channels = stack->channels, area = stack->o.size[0] * stack->o.size[1];
    float *values = scratch, *channel = values + area * channels, *spare = channel + area;
    uint8_t *mask = (uint8_t *)(spare + stack->o.size[0] * stack->height);
    ul_voxel_plane plane = orientation_slice(&stack->o, z);
    ul_volume_plane(stack->volume, &plane, values);
    bool padded = ul_volume_plane_padding(stack->volume, &plane, mask) > 0;
    normalise_apply(
        &stack->scales[stack->scaled_alone ? z : 0], padded ? mask : NULL, area, channels, values);
    for (size_t c = 0; c < channels; c++) {
        float *to = pixels + c * stack->width * stack->height;
        float *from = stack->resampled ? channel : to;
        for (size_t i = 0; i < area; i++)
            from[i] = values[i * channels + c];
        if (stack->resampled)
            resample_plane(&stack->along[0], &stack->along[1], from, spare, to);
    }
}

/* The slice that stands `channel - channels / 2` slices from z as an input channel of a network
 * that sees neighbours: the last one on the way where the stack ends or slices are missing. */
static size_t slices_neighbour(
    const bool *apart, size_t depth, size_t z, size_t channel, size_t channels) {
    size_t steps = channel > channels / 2 ? channel - channels / 2 : channels / 2 - channel;
    for (; steps > 0; steps--) {
        if (channel > channels / 2 ? z + 1 >= depth || apart[z] : z == 0 || apart[z - 1])
            break;
        z = channel > channels / 2 ? z + 1 : z - 1;
    }
    return z;
}

/* What lies away_mm (either way) from slice z: the linear blend of the two slices around it, or a
 * slice alone that is closer than 1 % of the step to it. As slices_neighbour, it stays on this side
 * of the ends and of missing slices. */
static slice_blend slices_at_distance(
    const bool *apart, const double *position_mm, size_t depth, size_t z, double away_mm) {
    const double target = position_mm[z] + away_mm;
    while (away_mm > 0.0 && z + 1 < depth && !apart[z] && position_mm[z + 1] <= target)
        z++;
    while (away_mm < 0.0 && z > 0 && !apart[z - 1] && position_mm[z] > target)
        z--;
    bool beyond = z + 1 >= depth || apart[z] || target <= position_mm[z];
    slice_blend blend = {.slice = {z, z}};
    if (beyond)
        return blend;
    double way = (target - position_mm[z]) / (position_mm[z + 1] - position_mm[z]);
    if (way > 1.0 - SAME_RATIO)
        blend.slice[0] = blend.slice[1] = z + 1;
    else if (way > SAME_RATIO)
        blend = (slice_blend){{z, z + 1}, (float)way};
    return blend;
}

slice_blend slices_channel(const ul_card *card, const bool *apart, const double *position_mm,
    size_t depth, size_t z, size_t channel, size_t channels) {
    double steps = (double)channel - (double)(channels / 2);
    if (card->neighbour_mm > 0.0)
        return slices_at_distance(apart, position_mm, depth, z, steps * card->neighbour_mm);
    size_t slice = slices_neighbour(apart, depth, z, channel, channels);
    return (slice_blend){.slice = {slice, slice}};
}

void slices_padded(const slice_stack *stack, const ul_card *card, size_t padded[2]) {
    const size_t size[2] = {stack->width, stack->height};
    for (int t = 0; t < 2; t++) {
        size_t least = card->size[t] > size[t] ? card->size[t] : size[t];
        padded[t] = (least + UL_SLICE_STEP - 1) / UL_SLICE_STEP * UL_SLICE_STEP;
    }
}

/* Adds weight times a plane of the stack in the middle of one of the input. */
static void place(const slice_stack *stack, const float *pixels, const size_t padded[2],
    float weight, float *plane) {
    size_t left = (padded[0] - stack->width) / 2, top = (padded[1] - stack->height) / 2;
    for (size_t y = 0; y < stack->height; y++, pixels += stack->width) {
        float *row = plane + (top + y) * padded[0] + left;
        for (size_t x = 0; x < stack->width; x++)
            row[x] += weight * pixels[x];
    }
}

/* What a channel shows for slice z, which may lie between two slices of the source. */
static slice_blend show_channel(
    const slice_stack *stack, const ul_card *card, size_t z, size_t channel, size_t channels) {
    const size_t depth = stack->o.size[2];
    if (stack->depth == depth && stack->through == 1.0)
        return slices_channel(card, stack->apart, stack->position_mm, depth, z, channel, channels);
    double at = fmax(0.0, stack->first + (double)z * stack->through);
    size_t below = (size_t)fmin(at, (double)depth - 1.0);
    double step_mm = depth > 1 ? stack->position_mm[1] : 0.0;
    double away_mm = (at - (double)below) * step_mm +
                     ((double)channel - (double)(channels / 2)) * card->neighbour_mm;
    return slices_at_distance(stack->apart, stack->position_mm, depth, below, away_mm);
}

void slices_input(const slice_stack *stack, const ul_card *card, size_t channels, size_t z,
    const size_t padded[2], float *scratch, float *input) {
    const size_t area = stack->width * stack->height;
    float *pixels = scratch, *rest = scratch + area * stack->channels;
    bool neighbours = card->channels == UL_CHANNELS_NEIGHBOURS;
    for (size_t c = 0; c < channels; c++) {
        slice_blend blend = {.slice = {z, z}};
        if (neighbours)
            blend = show_channel(stack, card, z, c, channels);
        if (c == 0 || neighbours)
            slices_cut(stack, blend.slice[0], rest, pixels);
        const float *plane = pixels + (stack->channels == 1 ? 0 : c) * area;
        float *to = input + c * padded[0] * padded[1];
        memset(to, 0, padded[0] * padded[1] * sizeof *to);
        place(stack, plane, padded, 1.0f - blend.weight, to);
        if (blend.weight > 0.0f) {
            slices_cut(stack, blend.slice[1], rest, pixels);
            place(stack, pixels, padded, blend.weight, to);
        }
    }
}

static size_t nearest(size_t pixel, double ratio, size_t size) {
    double at = floor(((double)pixel + 0.5) * ratio);
    return at >= (double)size ? size - 1 : (size_t)at;
}

void slices_labels(const slice_stack *stack, const ul_labels *labels, uint8_t *pixels) {
    for (size_t z = 0; z < stack->depth; z++) {
        ul_voxel_plane plane = orientation_slice(&stack->o, z);
        for (size_t y = 0; y < stack->height; y++)
            for (size_t x = 0; x < stack->width; x++) {
                size_t sx = nearest(x, stack->ratio[0], stack->o.size[0]);
                size_t sy = nearest(y, stack->ratio[1], stack->o.size[1]);
                uint16_t label = labels->map[ul_voxel_plane_index(&plane, &labels->grid, sx, sy)];
                *pixels++ = label > 255 ? 255 : (uint8_t)label;
            }
    }
}
