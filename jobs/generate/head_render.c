#include "jobs/generate/head_render.h"

#include "jobs/generate/swelling.h"

#include <stdlib.h>
#include <string.h>

enum { EVERY = 8, SAMPLES = 12, PHASES = 4 };

/* Tissues are added up as whole numbers, all parts in one: 24 bits each of the mean and the
 * variance, 8 of what is solid. */
#define PART_BITS 24
#define PART_ONE (1 << 18)
#define PART_MASK ((UINT64_C(1) << PART_BITS) - 1)

/* Where in a voxel the map is looked up. */
typedef struct lookups {
    size_t count;
    float offset[SAMPLES][3];                          /* in voxels of the map from its middle */
    ptrdiff_t jump[PHASES * PHASES * PHASES][SAMPLES]; /* the same in the array of the map's voxels,
                                from each of the places in a voxel of it that are told apart */
    uint64_t packed[LABEL_VALUES_MOST];                /* tissues by index */
} lookups;

static uint64_t pack(const head_tissue *tissue) {
    uint64_t mean = (uint64_t)(fminf(fmaxf(tissue->mean, 0.0f), 2.0f) * PART_ONE + 0.5f);
    uint64_t variance = (uint64_t)(fminf(tissue->variance, 2.0f) * PART_ONE + 0.5f);
    return mean | variance << PART_BITS |
           (tissue->solid > 0.0f ? UINT64_C(1) : 0) << (2 * PART_BITS);
}

ul_status head_scratch_create(size_t width, size_t height, head_scratch *scratch, ul_error *error) {
    size_t columns = (width + EVERY - 1) / EVERY + 1, rows = (height + EVERY - 1) / EVERY + 1;
    bool full = false;
    for (int part = 0; part < 4; part++) {
        scratch->nodes[part] = malloc(columns * rows * sizeof(float));
        scratch->row[part] = malloc((width + EVERY) * sizeof(float));
        full = full || !scratch->nodes[part] || !scratch->row[part];
    }
    if (!full)
        return UL_OK;
    head_scratch_free(scratch);
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for drawn slices");
}

void head_scratch_free(head_scratch *scratch) {
    for (int part = 0; part < 4; part++) {
        free(scratch->nodes[part]);
        free(scratch->row[part]);
    }
    memset(scratch, 0, sizeof *scratch);
}

/* The more places, the larger the voxel, spread evenly over it: in equal steps along its longest
 * side, along the others by a Kronecker sequence. */
static void spread(const head_scan *head, const head_raster *raster, lookups *l) {
    static const double irrational[3] = {0.8191725134, 0.6710436067, 0.5497004779};
    const float most = LABEL_MAP_REACH;
    const double *extent = raster->extent_mm;
    int longest = extent[0] > extent[1] ? 0 : 1;
    longest = extent[2] > extent[longest] ? 2 : longest;
    double wanted =
        fmax(rint(2.2 * sqrt(extent[0] * extent[1] * extent[2])), ceil(1.5 * extent[longest]));
    l->count = (size_t)fmin(fmax(wanted, 4.0), SAMPLES);
    for (size_t s = 0; s < l->count; s++) {
        double at[3] = {0.0, 0.0, 0.0};
        for (int axis = 0; axis < 3; axis++) {
            double way = 0.5 + (double)(s + 1) * irrational[axis], step = 0.0;
            if (axis == longest)
                way = ((double)s + 0.5) / (double)l->count;
            for (int t = 0; t < 3; t++)
                step += raster->step_mm[axis][t] * raster->step_mm[axis][t];
            way = (way - floor(way) - 0.5) * extent[axis] / sqrt(step);
            for (int t = 0; t < 3; t++)
                at[t] += way * raster->step_mm[axis][t];
        }
        for (int r = 0; r < 3; r++) {
            float offset = (float)(head->matrix[r][0] * at[0] + head->matrix[r][1] * at[1] +
                                   head->matrix[r][2] * at[2]);
            l->offset[s][r] = fminf(fmaxf(offset, -most), most);
        }
    }
}

static void find_jumps(const head_scan *head, lookups *l) {
    const size_t *size = head->map->size;
    for (int phase = 0; phase < PHASES * PHASES * PHASES; phase++) {
        const int part[3] = {phase % PHASES, phase / PHASES % PHASES, phase / (PHASES * PHASES)};
        for (size_t s = 0; s < l->count; s++) {
            ptrdiff_t voxel[3];
            for (int r = 0; r < 3; r++)
                voxel[r] =
                    (ptrdiff_t)floorf(((float)part[r] + 0.5f) / (float)PHASES + l->offset[s][r]);
            l->jump[phase][s] =
                (voxel[2] * (ptrdiff_t)size[1] + voxel[1]) * (ptrdiff_t)size[0] + voxel[0];
        }
    }
}

static void prepare(const head_scan *head, const head_raster *raster, lookups *l) {
    spread(head, raster, l);
    find_jumps(head, l);
    for (size_t i = 0; i < LABEL_VALUES_MOST; i++)
        l->packed[i] = pack(&head->tissue[i]);
}

static void place_of(const head_raster *raster, double x, double y, double z, double at_mm[3]) {
    for (int t = 0; t < 3; t++)
        at_mm[t] = raster->origin_mm[t] + x * raster->step_mm[0][t] + y * raster->step_mm[1][t] +
                   z * raster->step_mm[2][t];
}

/* --- Smooth fields along a slice ------------------------------------------------------------- */

static size_t columns_of(const head_raster *raster) {
    return (raster->width + EVERY - 1) / EVERY + 1;
}

/* The fields at every eighth voxel of a slice. */
static void fill_nodes(
    const head_scan *head, const head_raster *raster, long z, head_scratch *scratch) {
    size_t columns = columns_of(raster), rows = (raster->height + EVERY - 1) / EVERY + 1, n = 0;
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++, n++) {
            double at[3], moved[3];
            place_of(raster, (double)(x * EVERY), (double)(y * EVERY), (double)z, at);
            for (int t = 0; t < 3; t++)
                moved[t] = smooth_field_at(&head->displacement[t], at);
            for (int r = 0; r < 3; r++)
                scratch->nodes[r][n] =
                    (float)(head->matrix[r][0] * moved[0] + head->matrix[r][1] * moved[1] +
                            head->matrix[r][2] * moved[2]);
            scratch->nodes[3][n] = expf((float)smooth_field_at(&head->bias, at));
        }
}

/* Places in the map (plus half a voxel, so that cutting them off finds the voxel) and the factor of
 * the bias along row y. */
static void fill_row(
    const head_scan *head, const head_raster *raster, size_t y, long z, head_scratch *scratch) {
    const size_t columns = columns_of(raster);
    const size_t above = y / EVERY * columns;
    const float way = (float)(y % EVERY) / EVERY;
    double start[3], first[3], step[3] = {0.0, 0.0, 0.0};
    place_of(raster, 0.0, (double)y, (double)z, start);
    head_to_map(head, start, first);
    for (int r = 0; r < 3; r++)
        for (int t = 0; t < 3; t++)
            step[r] += head->matrix[r][t] * raster->step_mm[0][t];
    for (int part = 0; part < 4; part++) {
        const float *upper = scratch->nodes[part] + above, *lower = upper + columns;
        float *row = scratch->row[part];
        float from = part < 3 ? (float)first[part] + 0.5f : 0.0f;
        float each = part < 3 ? (float)step[part] : 0.0f;
        for (size_t c = 0; c + 1 < columns; c++) {
            float left = upper[c] + way * (lower[c] - upper[c]);
            float right = upper[c + 1] + way * (lower[c + 1] - upper[c + 1]);
            float begin = from + each * (float)(c * EVERY) + left;
            float slope = each + (right - left) / EVERY;
            for (int x = 0; x < EVERY; x++)
                row[c * EVERY + (size_t)x] = begin + slope * (float)x;
        }
    }
}

static inline float clamp(float value, float low, float high) {
    value = value > low ? value : low;
    return value < high ? value : high;
}

/* Has the places of a row follow what swells. */
static void swell_row(const head_scan *head, size_t width, head_scratch *scratch) {
    float *const *row = scratch->row;
    if (head->growth_mm == 0.0f)
        return;
    for (size_t x = 0; x < width; x++) {
        float place[3] = {row[0][x], row[1][x], row[2][x]};
        swelling_move(
            head->map->swelling, head->map->size, head->map->spacing_mm, head->growth_mm, place);
        for (int t = 0; t < 3; t++)
            row[t][x] = place[t];
    }
}

/* --- Values ---------------------------------------------------------------------------------- */

/* A place in the map; beyond it the nearest one in the margin, which is background too. */
typedef struct map_place {
    size_t voxel; /* in the array */
    size_t phase; /* where in the voxel */
    size_t block;
} map_place;

static inline map_place find_place(const label_map *map, float x, float y, float z) {
    const float least = LABEL_MAP_REACH, edge = LABEL_MAP_REACH + 0.5f;
    unsigned i = (unsigned)(int)(PHASES * clamp(x, least, (float)map->size[0] - edge));
    unsigned j = (unsigned)(int)(PHASES * clamp(y, least, (float)map->size[1] - edge));
    unsigned k = (unsigned)(int)(PHASES * clamp(z, least, (float)map->size[2] - edge));
    enum { BLOCK = PHASES * LABEL_MAP_BLOCK };
    return (map_place){
        ((size_t)(k / PHASES) * map->size[1] + j / PHASES) * map->size[0] + i / PHASES,
        (k % PHASES * PHASES + j % PHASES) * PHASES + i % PHASES,
        ((size_t)(k / BLOCK) * map->blocks[1] + j / BLOCK) * map->blocks[0] + i / BLOCK};
}

/* The sum over the lookups of a voxel, packed. */
static inline uint64_t add_up(const head_scan *head, const lookups *l, float x, float y, float z) {
    map_place place = find_place(head->map, x, y, z);
    uint8_t alike = head->map->alike[place.block];
    if (alike != LABEL_MAP_MIXED)
        return l->count * l->packed[alike];
    const uint8_t *voxel = head->map->voxels + place.voxel;
    const ptrdiff_t *jump = l->jump[place.phase];
    uint64_t sum = 0;
    for (size_t s = 0; s < l->count; s++)
        sum += l->packed[voxel[jump[s]]];
    return sum;
}

/* The lesion at a place, or NULL. */
static const head_lesion *lesion_at(const head_scan *head, float x, float y, float z) {
    for (size_t n = 0; n < head->lesion_count; n++) {
        const head_lesion *lesion = &head->lesions[n];
        float dx = (x - 0.5f - lesion->centre[0]) / lesion->radius[0];
        float dy = (y - 0.5f - lesion->centre[1]) / lesion->radius[1];
        float dz = (z - 0.5f - lesion->centre[2]) / lesion->radius[2];
        if (dx * dx + dy * dy + dz * dz < 1.0f)
            return lesion;
    }
    return NULL;
}

/* Likewise where lesions are near. */
static uint64_t add_up_lesions(const head_scan *head, const lookups *l, float x, float y, float z) {
    map_place place = find_place(head->map, x, y, z);
    uint64_t sum = 0;
    for (size_t s = 0; s < l->count; s++) {
        uint8_t index = head->map->voxels[place.voxel + (size_t)l->jump[place.phase][s]];
        const head_lesion *lesion = NULL;
        if (head->tissue[index].lesions > 0.0f)
            lesion = lesion_at(head, x + l->offset[s][0], y + l->offset[s][1], z + l->offset[s][2]);
        sum += lesion ? pack(&lesion->tissue) : l->packed[index];
    }
    return sum;
}

/* Two nearly normal numbers: sums of four uniform ones each. */
typedef struct normal_pair {
    float first, second;
} normal_pair;

static inline float normal_of(uint64_t bits) {
    uint64_t pairs = (bits & 0xff00ff) + (bits >> 8 & 0xff00ff);
    int sum = (int)((pairs & 0xffff) + (pairs >> 16 & 0xffff));
    return (float)(sum - 510) * (1.0f / 147.8005f);
}

static inline normal_pair draw_normals(random_stream *stream) {
    uint64_t bits = random_u64(stream);
    return (normal_pair){normal_of(bits & 0xffffffff), normal_of(bits >> 32)};
}

static inline float apply_gamma(const head_scan *head, float value) {
    float at = clamp(value, 0.0f, 2.0f) * (GAMMA_STEPS / 2);
    int step = (int)at;
    float way = at - (float)step;
    return head->gamma[step] + way * (head->gamma[step + 1] - head->gamma[step]);
}

/* What the scanner makes of what lies in a voxel: share = 1 / lookups. */
static inline float measure(
    const head_scan *head, uint64_t sum, float share, float factor, random_stream *stream) {
    const float unit = share / PART_ONE;
    float mean = unit * (float)(int)(sum & PART_MASK);
    float variance = share * unit * (float)(int)(sum >> PART_BITS & PART_MASK);
    float solid = share * (float)(int)(sum >> (2 * PART_BITS));
    normal_pair normals = draw_normals(stream);
    float value = apply_gamma(head, (mean + sqrtf(variance) * normals.first) * factor);
    /* Where everything was taken away no noise is left either. */
    float noise = head->noise * (solid < 0.5f ? 2.0f * solid : 1.0f);
    value += noise * normals.second;
    if (!head->rician)
        return value;
    float imaginary = noise * draw_normals(stream).first;
    return sqrtf(value * value + imaginary * imaginary);
}

/* Voxels of the map that what a row shows may lie away from the line between its ends: of lookups,
 * of the displacement along a row, and of what swells. */
static float reach_of(const head_scan *head) {
    const double *spacing = head->map->spacing_mm;
    double finest = fmin(fmin(spacing[0], spacing[1]), spacing[2]);
    return LABEL_MAP_REACH + 16.0f + 2.0f * fabsf(head->growth_mm) / (float)finest;
}

/* Whether a lesion comes near row y of slice z. */
static bool near_lesion(
    const head_scan *head, size_t width, const head_scratch *scratch, float margin) {
    const float *const *row = (const float *const *)scratch->row;
    for (size_t l = 0; l < head->lesion_count; l++) {
        const head_lesion *lesion = &head->lesions[l];
        bool near = true;
        for (int t = 0; t < 3; t++) {
            float from = fminf(row[t][0], row[t][width - 1]);
            float to = fmaxf(row[t][0], row[t][width - 1]);
            near = near && from - margin < lesion->centre[t] + lesion->radius[t] &&
                   to + margin > lesion->centre[t] - lesion->radius[t];
        }
        if (near)
            return true;
    }
    return false;
}

static bool is_blank(const head_scan *head, const double at_mm[3]) {
    return head->blanked && head->blank_normal[0] * at_mm[0] + head->blank_normal[1] * at_mm[1] +
                                    head->blank_normal[2] * at_mm[2] >
                                head->blank_mm;
}

/* The voxels of a row that lie beyond the blank plane: first to last - 1. */
static void blank_range(const head_scan *head, const head_raster *raster, size_t y, long z,
    size_t *first, size_t *last) {
    double at[3], here = -head->blank_mm, step = 0.0, width = (double)raster->width;
    *first = *last = 0;
    if (!head->blanked)
        return;
    place_of(raster, 0.0, (double)y, (double)z, at);
    for (int t = 0; t < 3; t++) {
        here += head->blank_normal[t] * at[t];
        step += head->blank_normal[t] * raster->step_mm[0][t];
    }
    if (fabs(step) < 1e-9) {
        *last = here > 0.0 ? raster->width : 0;
        return;
    }
    double border = fmin(fmax(-here / step, -1.0), width);
    if (step > 0.0) {
        *first = (size_t)(floor(border) + 1.0);
        *last = raster->width;
    } else {
        *last = (size_t)ceil(fmax(border, 0.0));
    }
    *first = *first < raster->width ? *first : raster->width;
}

void head_render(const head_scan *head, const head_raster *raster, long z, head_scratch *scratch,
    float *values) {
    lookups l;
    float *const *row = scratch->row;
    prepare(head, raster, &l);
    fill_nodes(head, raster, z, scratch);
    const float share = 1.0f / (float)l.count, reach = reach_of(head);
    for (size_t y = 0; y < raster->height; y++, values += raster->width) {
        random_stream stream = random_at(head->noise_seed, (uint64_t)z, y);
        size_t first, last;
        fill_row(head, raster, y, z, scratch);
        swell_row(head, raster->width, scratch);
        bool lesions = near_lesion(head, raster->width, scratch, reach);
        for (size_t x = 0; x < raster->width; x++) {
            uint64_t sum = lesions ? add_up_lesions(head, &l, row[0][x], row[1][x], row[2][x])
                                   : add_up(head, &l, row[0][x], row[1][x], row[2][x]);
            values[x] = measure(head, sum, share, row[3][x], &stream);
        }
        blank_range(head, raster, y, z, &first, &last);
        for (size_t x = first; x < last; x++)
            values[x] = 0.0f;
    }
}

void head_render_labels(const head_scan *head, const head_raster *raster, long z,
    head_scratch *scratch, uint8_t *labels) {
    float *const *row = scratch->row;
    fill_nodes(head, raster, z, scratch);
    for (size_t y = 0; y < raster->height; y++, labels += raster->width) {
        size_t first, last;
        fill_row(head, raster, y, z, scratch);
        swell_row(head, raster->width, scratch);
        for (size_t x = 0; x < raster->width; x++)
            labels[x] =
                head->label[head->map->voxels[find_place(head->map, row[0][x], row[1][x], row[2][x])
                                                  .voxel]];
        blank_range(head, raster, y, z, &first, &last);
        for (size_t x = first; x < last; x++)
            labels[x] = 0;
    }
}

void head_sample(const head_scan *head, const head_raster *raster, size_t count,
    random_stream *stream, float *values) {
    lookups l;
    prepare(head, raster, &l);
    for (size_t n = 0; n < count; n++) {
        double at[3], voxel[3];
        for (int t = 0; t < 3; t++)
            at[t] = random_uniform(stream, head->low_mm[t], head->high_mm[t]);
        values[n] = 0.0f;
        if (is_blank(head, at))
            continue;
        head_to_map(head, at, voxel);
        /* What swells is left as it is: of these places alone the distribution counts. */
        uint64_t sum = add_up(
            head, &l, (float)voxel[0] + 0.5f, (float)voxel[1] + 0.5f, (float)voxel[2] + 0.5f);
        values[n] = measure(head, sum, 1.0f / (float)l.count,
            expf((float)smooth_field_at(&head->bias, at)), stream);
    }
}
