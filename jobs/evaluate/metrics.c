#include "ulite/evaluate.h"

#include "jobs/train/random.h"
#include "libulite/base/sort.h"
#include "volume/distance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Both masks of a class, cut to their common bounding box. */
typedef struct mask_pair {
    size_t size[3], origin[3];
    uint8_t *mask[2]; /* predicted, truth */
} mask_pair;

static void count_voxels(const ul_labels *predicted, const ul_labels *truth, unsigned number,
    ul_class_metrics *metrics, size_t low[3], size_t high[3]) {
    const size_t *size = truth->grid.size;
    size_t voxel = 0;
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = SIZE_MAX;
        high[axis] = 0;
    }
    for (size_t k = 0; k < size[2]; k++)
        for (size_t j = 0; j < size[1]; j++)
            for (size_t i = 0; i < size[0]; i++, voxel++) {
                bool p = predicted->map[voxel] == number, t = truth->map[voxel] == number;
                if (!p && !t)
                    continue;
                metrics->predicted += p;
                metrics->truth += t;
                metrics->common += p && t;
                size_t at[3] = {i, j, k};
                for (int axis = 0; axis < 3; axis++) {
                    low[axis] = at[axis] < low[axis] ? at[axis] : low[axis];
                    high[axis] = at[axis] + 1 > high[axis] ? at[axis] + 1 : high[axis];
                }
            }
}

static void overlap(ul_class_metrics *m) {
    if (m->predicted == 0 && m->truth == 0) {
        m->dice = m->iou = m->precision = m->recall = 1.0;
        return;
    }
    double p = (double)m->predicted, t = (double)m->truth, c = (double)m->common;
    m->dice = 2.0 * c / (p + t);
    m->iou = c / (p + t - c);
    m->precision = m->predicted ? c / p : NAN;
    m->recall = m->truth ? c / t : NAN;
}

static bool cut_masks(const ul_labels *predicted, const ul_labels *truth, unsigned number,
    const size_t low[3], const size_t high[3], mask_pair *pair) {
    size_t voxels = 1;
    for (int axis = 0; axis < 3; axis++) {
        pair->origin[axis] = low[axis];
        pair->size[axis] = high[axis] - low[axis];
        voxels *= pair->size[axis];
    }
    pair->mask[0] = malloc(voxels);
    pair->mask[1] = malloc(voxels);
    if (!pair->mask[0] || !pair->mask[1])
        return false;
    const size_t *size = truth->grid.size;
    size_t out = 0;
    for (size_t k = low[2]; k < high[2]; k++)
        for (size_t j = low[1]; j < high[1]; j++)
            for (size_t i = low[0]; i < high[0]; i++, out++) {
                size_t voxel = (k * size[1] + j) * size[0] + i;
                pair->mask[0][out] = predicted->map[voxel] == number;
                pair->mask[1][out] = truth->map[voxel] == number;
            }
    return true;
}

/* Marks the voxels of a mask with a face neighbour outside it. The box is tight, so beyond it all
 * is outside. Axes in `flat` (a volume of one slice) have no neighbours. Returns how many there
 * are. */
static size_t mark_surface(
    const uint8_t *mask, const size_t size[3], const bool flat[3], uint8_t *surface) {
    const size_t stride[3] = {1, size[0], size[0] * size[1]};
    size_t voxel = 0, count = 0;
    for (size_t k = 0; k < size[2]; k++)
        for (size_t j = 0; j < size[1]; j++)
            for (size_t i = 0; i < size[0]; i++, voxel++) {
                const size_t at[3] = {i, j, k};
                bool edge = false;
                for (int axis = 0; axis < 3 && mask[voxel] && !edge; axis++)
                    edge = !flat[axis] &&
                           (at[axis] == 0 || at[axis] + 1 == size[axis] ||
                               !mask[voxel - stride[axis]] || !mask[voxel + stride[axis]]);
                surface[voxel] = edge;
                count += edge;
            }
    return count;
}

/* By linear interpolation between the sorted values. */
static double sorted_percentile(const double *sorted, size_t count, double fraction) {
    double place = fraction * (double)(count - 1);
    size_t below = (size_t)place;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* Distances from the voxels of one surface to the other. */
typedef struct directed_distances {
    double sum, percentile95;
    size_t near; /* how many are within the tolerance */
} directed_distances;

static directed_distances directed(const uint8_t *from, const double *squared, size_t voxels,
    double tolerance, double *distances) {
    directed_distances found = {0};
    size_t count = 0;
    double limit = tolerance * (1.0 + 1e-6); /* a spacing of just so much is rounded in files */
    for (size_t i = 0; i < voxels; i++)
        if (from[i]) {
            distances[count] = sqrt(squared[i]);
            found.near += distances[count] <= limit;
            found.sum += distances[count++];
        }
    ul_sort_doubles(distances, count);
    found.percentile95 = sorted_percentile(distances, count, 0.95);
    return found;
}

static ul_status surface_distances(const mask_pair *pair, const bool flat[3],
    const double *const position[3], double tolerance, ul_class_metrics *metrics, ul_error *error) {
    size_t voxels = pair->size[0] * pair->size[1] * pair->size[2], count[2] = {0, 0};
    uint8_t *surface = malloc(2 * voxels);
    double *squared = malloc(voxels * sizeof *squared);
    double *distances = malloc(voxels * sizeof *distances);
    ul_status status = UL_OK;
    if (!surface || !squared || !distances) {
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for surface distances");
    } else {
        directed_distances both = {0};
        for (int side = 0; side < 2; side++)
            count[side] =
                mark_surface(pair->mask[side], pair->size, flat, surface + (size_t)side * voxels);
        for (int side = 0; side < 2 && status == UL_OK; side++) {
            status = distance_squared(
                surface + (size_t)(1 - side) * voxels, pair->size, position, squared, error);
            if (status != UL_OK)
                break;
            directed_distances one =
                directed(surface + (size_t)side * voxels, squared, voxels, tolerance, distances);
            both.sum += one.sum;
            both.near += one.near;
            both.percentile95 = fmax(both.percentile95, one.percentile95);
        }
        double surfaces = (double)(count[0] + count[1]);
        metrics->hd95 = both.percentile95;
        metrics->asd = both.sum / surfaces;
        metrics->nsd = (double)both.near / surfaces;
    }
    free(surface);
    free(squared);
    free(distances);
    return status;
}

/* Positions of the voxel centres of the box along one axis: mm, or pixels where mm is unknown. */
static double *axis_positions(
    const ul_grid *grid, int axis, size_t origin, size_t count, bool in_mm) {
    double *x = malloc(count * sizeof *x);
    if (!x)
        return NULL;
    double sign = 1.0;
    if (axis == 2 && in_mm && grid->size[2] > 1)
        sign = ul_grid_offset_mm(grid, grid->size[2] - 1) < ul_grid_offset_mm(grid, 0) ? -1.0 : 1.0;
    for (size_t i = 0; i < count; i++) {
        if (!in_mm)
            x[i] = (double)i;
        else if (axis == 2)
            x[i] = sign * ul_grid_offset_mm(grid, origin + i);
        else
            x[i] = (double)i * grid->spacing_mm[axis];
    }
    return x;
}

static ul_status distances_of_masks(const ul_labels *predicted, const ul_labels *truth,
    const size_t low[3], const size_t high[3], double tolerance, ul_class_metrics *metrics,
    ul_error *error) {
    const ul_grid *grid = &truth->grid;
    mask_pair pair = {0};
    double *x[3] = {NULL, NULL, NULL};
    bool flat[3] = {false, false, grid->size[2] == 1};
    ul_status status = UL_OK;
    bool enough = cut_masks(predicted, truth, metrics->number, low, high, &pair);
    for (int axis = 0; axis < 3 && enough; axis++) {
        x[axis] = axis_positions(grid, axis, pair.origin[axis], pair.size[axis], metrics->in_mm);
        enough = x[axis] != NULL;
    }
    if (!enough)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for surface distances");
    else
        status = surface_distances(
            &pair, flat, (const double *const[3]){x[0], x[1], x[2]}, tolerance, metrics, error);
    for (int axis = 0; axis < 3; axis++)
        free(x[axis]);
    free(pair.mask[0]);
    free(pair.mask[1]);
    return status;
}

/* mL per voxel are the slice's own: stacks may be uneven. NaN in 2D, as of ul_stats_measure,
 * whatever thickness a slice may have, and where the grid has no depth. */
static void volumes(const ul_labels *predicted, const ul_labels *truth, ul_class_metrics *metrics) {
    const ul_grid *grid = &truth->grid;
    size_t plane = grid->size[0] * grid->size[1];
    double area_mm2 = grid->spacing_mm[0] * grid->spacing_mm[1];
    metrics->volume_ml = metrics->truth_volume_ml = 0.0;
    for (size_t k = 0; k < grid->size[2]; k++) {
        size_t p = 0, t = 0;
        for (size_t i = k * plane; i < (k + 1) * plane; i++) {
            p += predicted->map[i] == metrics->number;
            t += truth->map[i] == metrics->number;
        }
        double ml = area_mm2 * ul_grid_depth_mm(grid, k) / 1000.0;
        metrics->volume_ml += (double)p * ml;
        metrics->truth_volume_ml += (double)t * ml;
    }
    bool flat = grid->size[2] == 1 || grid->stack == UL_STACK_UNPLACED;
    if (flat || area_mm2 <= 0.0 || ul_grid_depth_mm(grid, 0) <= 0.0)
        metrics->volume_ml = metrics->truth_volume_ml = NAN;
}

static ul_status check_sizes(const ul_labels *predicted, const ul_labels *truth, ul_error *error) {
    const size_t *p = predicted->grid.size, *t = truth->grid.size;
    if (memcmp(p, t, 3 * sizeof *p) == 0)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_GEOMETRY,
        "the prediction is %zux%zux%zu voxels, the truth %zux%zux%zu", p[0], p[1], p[2], t[0], t[1],
        t[2]);
}

ul_status ul_metrics_overlap(const ul_labels *predicted, const ul_labels *truth, unsigned number,
    ul_class_metrics *metrics, ul_error *error) {
    size_t low[3], high[3];
    *metrics = (ul_class_metrics){.number = number,
        .volume_ml = NAN,
        .truth_volume_ml = NAN,
        .hd95 = NAN,
        .asd = NAN,
        .nsd = NAN};
    ul_status status = check_sizes(predicted, truth, error);
    if (status == UL_OK) {
        count_voxels(predicted, truth, number, metrics, low, high);
        overlap(metrics);
    }
    return status;
}

ul_status ul_metrics_compute(const ul_labels *predicted, const ul_labels *truth, unsigned number,
    double tolerance, ul_class_metrics *metrics, ul_error *error) {
    const ul_grid *grid = &truth->grid;
    size_t low[3], high[3];
    *metrics = (ul_class_metrics){.number = number, .hd95 = NAN, .asd = NAN, .nsd = NAN};
    ul_status status = check_sizes(predicted, truth, error);
    if (status != UL_OK)
        return status;
    count_voxels(predicted, truth, number, metrics, low, high);
    overlap(metrics);
    volumes(predicted, truth, metrics);
    metrics->in_mm = grid->spacing_mm[0] > 0.0 && grid->spacing_mm[1] > 0.0;
    bool loose_slices = grid->stack == UL_STACK_UNPLACED && grid->size[2] > 1;
    if (metrics->predicted == 0 && metrics->truth == 0) {
        metrics->hd95 = metrics->asd = 0.0;
        metrics->nsd = 1.0;
    } else if (metrics->predicted == 0 || metrics->truth == 0) {
        metrics->nsd = 0.0;
    }
    if (metrics->predicted == 0 || metrics->truth == 0 || grid->stack == UL_STACK_TILTED ||
        loose_slices)
        return UL_OK;
    return distances_of_masks(predicted, truth, low, high, tolerance, metrics, error);
}

static double mean_of(const double *values, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

static void bootstrap(
    const double *values, size_t count, double *means, size_t resamples, ul_summary *summary) {
    random_stream stream = random_at(20231031, count, 0);
    for (size_t r = 0; r < resamples; r++) {
        double sum = 0.0;
        for (size_t i = 0; i < count; i++)
            sum += values[random_below(&stream, count)];
        means[r] = sum / (double)count;
    }
    ul_sort_doubles(means, resamples);
    summary->low95 = sorted_percentile(means, resamples, 0.025);
    summary->high95 = sorted_percentile(means, resamples, 0.975);
}

ul_status ul_summarise(const double *values, size_t count, ul_summary *summary, ul_error *error) {
    enum { RESAMPLES = 2000 };
    *summary = (ul_summary){
        .mean = NAN, .sd = NAN, .median = NAN, .low95 = NAN, .high95 = NAN, .undefined = count};
    double *defined = malloc((count + RESAMPLES) * sizeof *defined);
    if (!defined)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a summary");
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            defined[n++] = values[i];
    summary->count = n;
    summary->undefined = count - n;
    if (n > 0) {
        ul_sort_doubles(defined, n);
        summary->mean = mean_of(defined, n);
        summary->median = sorted_percentile(defined, n, 0.5);
        double squares = 0.0;
        for (size_t i = 0; i < n; i++)
            squares += (defined[i] - summary->mean) * (defined[i] - summary->mean);
        summary->sd = n > 1 ? sqrt(squares / (double)(n - 1)) : 0.0;
        bootstrap(defined, n, defined + n, RESAMPLES, summary);
    }
    free(defined);
    return UL_OK;
}
