#include "jobs/segment/intensity.h"

#include "ulite/resources.h"
#include "volume/planes.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Takes the values of slice z; called by several threads at once. */
typedef void (*slice_function)(void *context, size_t z, const float *values, size_t count);

/* The values of slice z that are no padding. */
static size_t read_slice(const value_range *range, size_t z, float *values, uint8_t *mask) {
    ul_voxel_plane plane = orientation_slice(range->o, z);
    size_t channels = range->volume->channels, all = plane.width * plane.height * channels, n = 0;
    ul_volume_plane(range->volume, &plane, values);
    bool padded = ul_volume_plane_padding(range->volume, &plane, mask) > 0;
    if (!padded && !range->above)
        return all;
    for (size_t i = 0; i < all; i++)
        if ((!padded || !mask[i / channels]) &&
            (!range->above || (double)values[i] > *range->above))
            values[n++] = values[i];
    return n;
}

typedef struct slice_work {
    const value_range *range;
    slice_function function;
    void *context;
    size_t area, samples; /* of a slice */
    float *values;        /* [threads][samples] */
    uint8_t *masks;       /* [threads][area] */
} slice_work;

static void take_slice(void *context, size_t item, int thread) {
    const slice_work *work = context;
    const size_t z = work->range->begin + item;
    float *values = work->values + (size_t)thread * work->samples;
    uint8_t *mask = work->masks + (size_t)thread * work->area;
    work->function(work->context, z, values, read_slice(work->range, z, values, mask));
}

static ul_status each_slice(
    const value_range *range, slice_function function, void *context, ul_error *error) {
    const size_t area = range->o->size[0] * range->o->size[1], count = range->end - range->begin;
    slice_work work = {.range = range,
        .function = function,
        .context = context,
        .area = area,
        .samples = area * range->volume->channels};
    ul_team *team = ul_team_create_for(count, range->threads);
    size_t threads = (size_t)ul_team_threads(team);
    work.values = malloc(threads * work.samples * sizeof *work.values);
    work.masks = malloc(threads * area);
    bool able = work.values && work.masks;
    if (able)
        ul_team_for(team, count, take_slice, &work);
    ul_team_close(team);
    free(work.values);
    free(work.masks);
    return able ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory to measure a volume");
}

/* --- Moments --------------------------------------------------------------------------------- */

typedef struct slice_moments {
    size_t count;
    double mean, squares; /* squares: of the differences from the mean, added */
    float smallest;
} slice_moments;

typedef struct moments_context {
    size_t begin;
    slice_moments *slices;
} moments_context;

static void measure_slice(void *context, size_t z, const float *values, size_t count) {
    moments_context *all = context;
    slice_moments m = {.count = count, .smallest = count ? values[0] : 0.0f};
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i];
        m.smallest = values[i] < m.smallest ? values[i] : m.smallest;
    }
    m.mean = count ? sum / (double)count : 0.0;
    for (size_t i = 0; i < count; i++)
        m.squares += ((double)values[i] - m.mean) * ((double)values[i] - m.mean);
    all->slices[z - all->begin] = m;
}

/* Adds b to a (Chan, Golub and LeVeque 1979). */
static void combine(slice_moments *a, const slice_moments *b) {
    if (b->count == 0)
        return;
    double n = (double)(a->count + b->count), apart = b->mean - a->mean;
    a->smallest = a->count && a->smallest < b->smallest ? a->smallest : b->smallest;
    a->squares += b->squares + apart * apart * (double)a->count * (double)b->count / n;
    a->mean += apart * (double)b->count / n;
    a->count += b->count;
}

/* The same for any number of threads. Errors: UL_ERROR_LIMIT. */
static ul_status values_moments(const value_range *range, value_moments *moments, ul_error *error) {
    memset(moments, 0, sizeof *moments);
    moments_context context = {range->begin, NULL};
    context.slices = calloc(range->end - range->begin + 1, sizeof *context.slices);
    if (!context.slices)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory to measure a volume");
    ul_status status = each_slice(range, measure_slice, &context, error);
    slice_moments all = {0};
    for (size_t n = 0; status == UL_OK && n < range->end - range->begin; n++)
        combine(&all, &context.slices[n]);
    free(context.slices);
    double variance = all.count ? all.squares / (double)all.count : 0.0;
    *moments = (value_moments){all.count, all.mean, sqrt(variance), all.smallest};
    return status;
}

/* --- Percentiles ----------------------------------------------------------------------------- */

/* The value of a rank is found digit by digit: counting first the upper and then, among the values
 * that share the upper half of the one looked for, the lower 16 bits of a key that sorts as floats
 * do. */
enum { DIGITS = 1 << 16, MAX_RANKS = 8 };

static uint32_t key_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float value_of(uint32_t key) {
    uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

typedef struct ranks {
    pthread_mutex_t mutex;    /* over the counts */
    size_t *upper;            /* [DIGITS] */
    size_t *lower[MAX_RANKS]; /* [DIGITS], of the values under found[rank] */
    size_t count;             /* of ranks */
    size_t left[MAX_RANKS];   /* the rank, then the rank among the values under found */
    uint32_t found[MAX_RANKS];
} ranks;

static void count_upper(void *context, size_t z, const float *values, size_t count) {
    ranks *r = context;
    uint32_t own[DIGITS] = {0};
    (void)z;
    for (size_t i = 0; i < count; i++)
        own[key_of(values[i]) >> 16]++;
    pthread_mutex_lock(&r->mutex);
    for (size_t d = 0; d < DIGITS; d++)
        r->upper[d] += own[d];
    pthread_mutex_unlock(&r->mutex);
}

static void count_lower(void *context, size_t z, const float *values, size_t count) {
    ranks *r = context;
    (void)z;
    for (size_t i = 0; i < count; i++) {
        uint32_t key = key_of(values[i]);
        for (size_t n = 0; n < r->count; n++)
            if (key >> 16 == r->found[n])
                __atomic_fetch_add(&r->lower[n][key & 0xffff], 1, __ATOMIC_RELAXED);
    }
}

/* The digit under which the rank lies; *rank becomes the rank there. */
static uint32_t find_digit(const size_t *counts, size_t *rank) {
    uint32_t digit = 0;
    while (digit + 1 < DIGITS && *rank >= counts[digit])
        *rank -= counts[digit++];
    return digit;
}

static size_t total(const size_t *counts) {
    size_t sum = 0;
    for (size_t d = 0; d < DIGITS; d++)
        sum += counts[d];
    return sum;
}

/* The two ranks around a percentile of so many values; how far it lies between them. */
static double ranks_around(double percent, size_t values, size_t around[2]) {
    double place = percent / 100.0 * (double)(values - 1);
    around[0] = (size_t)place;
    around[1] = around[0] + 1 < values ? around[0] + 1 : around[0];
    return place - (double)around[0];
}

/* The ranks around each percentile, and how far it lies between them. */
static void find_ranks(ranks *r, size_t values, const double *percents, size_t count, double *way) {
    r->count = 2 * count;
    for (size_t p = 0; p < count; p++)
        way[p] = ranks_around(percents[p], values, &r->left[2 * p]);
    for (size_t n = 0; n < r->count; n++)
        r->found[n] = find_digit(r->upper, &r->left[n]);
}

ul_status values_percentiles(const value_range *range, const double *percents, size_t count,
    double *results, ul_error *error) {
    ranks r = {.mutex = PTHREAD_MUTEX_INITIALIZER,
        .upper = calloc((MAX_RANKS + 1) * DIGITS, sizeof *r.upper)};
    double way[MAX_RANKS / 2] = {0};
    if (!r.upper)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory to measure a volume");
    for (size_t n = 0; n < MAX_RANKS; n++)
        r.lower[n] = r.upper + (n + 1) * DIGITS;
    ul_status status = each_slice(range, count_upper, &r, error);
    size_t values = total(r.upper);
    if (status == UL_OK && values > 0) {
        find_ranks(&r, values, percents, count, way);
        status = each_slice(range, count_lower, &r, error);
    }
    for (size_t p = 0; status == UL_OK && p < count; p++) {
        float between[2] = {0.0f, 0.0f};
        for (size_t n = 0; values > 0 && n < 2; n++) {
            size_t at = 2 * p + n;
            uint32_t digit = find_digit(r.lower[at], &r.left[at]);
            between[n] = value_of(r.found[at] << 16 | digit);
        }
        results[p] = (double)between[0] + way[p] * (double)(between[1] - between[0]);
    }
    pthread_mutex_destroy(&r.mutex);
    free(r.upper);
    return status;
}

/* --- Foreground ------------------------------------------------------------------------------ */

static double foreground_threshold(const double outer[2]) {
    return outer[0] + VALUES_FOREGROUND_SHARE * (outer[1] - outer[0]);
}

ul_status values_foreground(
    const value_range *range, const double percents[2], double bounds[2], ul_error *error) {
    double outer[3] = {1.0, 99.0, 100.0};
    ul_status status = values_percentiles(range, outer, 3, outer, error);
    if (status != UL_OK)
        return status;
    const double threshold = foreground_threshold(outer);
    value_range foreground = *range;
    foreground.above = &threshold;
    if (outer[2] > threshold)
        return values_percentiles(&foreground, percents, 2, bounds, error);
    bounds[0] = bounds[1] = outer[1];
    return UL_OK;
}

/* Puts the value of a rank at its place, smaller ones before it and larger ones behind (Hoare's
 * selection). */
static float select_rank(float *values, size_t count, size_t rank) {
    size_t first = 0, last = count - 1;
    while (first < last) {
        float pivot = values[first + (last - first) / 2];
        size_t i = first, j = last;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            float held = values[i];
            values[i++] = values[j];
            values[j--] = held;
        }
        /* values[first..j] <= pivot <= values[j + 1..last] */
        if (rank <= j)
            last = j;
        else
            first = j + 1;
    }
    return values[rank];
}

static double percentile_of(float *values, size_t count, double percent) {
    size_t around[2];
    double way = ranks_around(percent, count, around);
    float below = select_rank(values, count, around[0]);
    float above = select_rank(values, count, around[1]);
    return (double)below + way * (double)(above - below);
}

void values_foreground_of(float *values, size_t count, const double percents[2], double bounds[2]) {
    if (count == 0) {
        bounds[0] = bounds[1] = 0.0;
        return;
    }
    const double outer[2] = {percentile_of(values, count, 1.0), percentile_of(values, count, 99.0)};
    double threshold = foreground_threshold(outer);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if ((double)values[i] > threshold) {
            float held = values[kept];
            values[kept++] = values[i];
            values[i] = held;
        }
    for (int n = 0; n < 2; n++)
        bounds[n] = kept ? percentile_of(values, kept, percents[n]) : outer[1];
}

static bool may_pad(const ul_volume *volume) {
    return volume->has_padding || volume->sample == UL_SAMPLE_F32 ||
           volume->sample == UL_SAMPLE_F64;
}

static value_scale scale_of(double low, double high) {
    return (value_scale){.offset = low, .factor = high > low ? 1.0 / (high - low) : 0.0, true, 0};
}

/* The scale of a range of slices. */
static ul_status measure_range(const value_range *range, const ul_normalisation *normalisation,
    value_scale *scale, ul_error *error) {
    value_moments moments = {0};
    double bounds[2] = {normalisation->low, normalisation->high};
    ul_status status = UL_OK;
    if (normalisation->kind == UL_NORMALISE_PERCENTILE)
        status = values_percentiles(range, bounds, 2, bounds, error);
    if (normalisation->kind == UL_NORMALISE_FOREGROUND)
        status = values_foreground(range, bounds, bounds, error);
    if (status == UL_OK && (normalisation->kind == UL_NORMALISE_ZSCORE || may_pad(range->volume)))
        status = values_moments(range, &moments, error);
    if (status != UL_OK)
        return status;
    *scale = scale_of(bounds[0], bounds[1]);
    if (normalisation->kind == UL_NORMALISE_NONE)
        *scale = (value_scale){.factor = 1.0};
    if (normalisation->kind == UL_NORMALISE_ZSCORE)
        *scale = (value_scale){
            .offset = moments.mean, .factor = moments.sd > 0.0 ? 1.0 / moments.sd : 0.0};
    scale->padding = moments.count ? moments.smallest : (float)scale->offset;
    return UL_OK;
}

ul_status normalise_measure(const ul_volume *volume, const orientation *o,
    const ul_normalisation *normalisation, int threads, value_scale *scales, ul_error *error) {
    const size_t *size = volume->grid.size;
    if (!normalisation->per_slice) {
        /* Any direction gives the same; as they are stored they are read fastest. */
        orientation stored = orientation_stored(&volume->grid);
        const value_range all = {volume, &stored, 0, size[2], threads, NULL};
        return measure_range(&all, normalisation, scales, error);
    }
    ul_status status = UL_OK;
    for (size_t z = 0; status == UL_OK && z < o->size[2]; z++) {
        const value_range one = {volume, o, z, z + 1, threads, NULL};
        status = measure_range(&one, normalisation, &scales[z], error);
    }
    return status;
}

void normalise_apply(
    const value_scale *scale, const uint8_t *mask, size_t pixels, size_t channels, float *values) {
    for (size_t i = 0; mask && i < pixels * channels; i++)
        if (mask[i / channels])
            values[i] = scale->padding;
    for (size_t i = 0; i < pixels * channels; i++) {
        double v = ((double)values[i] - scale->offset) * scale->factor;
        if (scale->clips)
            v = v > 0.0 ? v < 1.0 ? v : 1.0 : 0.0;
        values[i] = (float)v;
    }
}
