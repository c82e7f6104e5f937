#include "jobs/generate/head.h"

#include "jobs/generate/contrast.h"

#include <string.h>

static void multiply(const double a[3][3], const double b[3][3], double product[3][3]) {
    double result[3][3];
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++)
            result[r][c] = a[r][0] * b[0][c] + a[r][1] * b[1][c] + a[r][2] * b[2][c];
    memcpy(product, result, sizeof result);
}

static void invert(const double m[3][3], double inverse[3][3]) {
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) {
            int r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
            inverse[c][r] = m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1];
        }
    double determinant =
        m[0][0] * inverse[0][0] + m[0][1] * inverse[1][0] + m[0][2] * inverse[2][0];
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++)
            inverse[r][c] /= determinant;
}

static void rotate(double angle, int axis, double matrix[3][3]) {
    const double pi = 3.141592653589793;
    double c = cos(angle * pi / 180.0), s = sin(angle * pi / 180.0);
    double turn[3][3] = {{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}, {0.0, 0.0, 1.0}};
    int a = (axis + 1) % 3, b = (axis + 2) % 3;
    turn[a][a] = turn[b][b] = c;
    turn[a][b] = -s;
    turn[b][a] = s;
    multiply(turn, matrix, matrix);
}

/* From mm of the scan to voxels of the map: turned, sheared, scaled, mirrored. */
static bool draw_matrix(const ul_generation *ranges, random_stream *stream, head_scan *head) {
    double shape[3][3] = {{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}, {0.0, 0.0, 1.0}};
    for (int axis = 0; axis < 3; axis++)
        rotate(
            random_uniform(stream, -ranges->rotate_degrees, ranges->rotate_degrees), axis, shape);
    double shear[3][3];
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++)
            shear[r][c] = r == c ? 1.0 : random_uniform(stream, -ranges->shear, ranges->shear);
    multiply(shear, shape, shape);
    bool mirrored = random_happens(stream, ranges->mirror_p);
    for (int r = 0; r < 3; r++) {
        double scale = random_uniform(stream, ranges->scale_low, ranges->scale_high);
        scale *= (mirrored && r == 0 ? -1.0 : 1.0) * head->map->spacing_mm[r];
        for (int c = 0; c < 3; c++)
            head->matrix[r][c] = shape[r][c] / scale;
        head->middle[r] = 0.5 * (double)(head->map->size[r] - 1);
    }
    invert(head->matrix, head->inverse);
    return mirrored;
}

/* The box of the whole head, and air around it. */
static void draw_view(random_stream *stream, head_scan *head) {
    enum { AIR_MM = 20 };
    double half[3] = {0.0, 0.0, 0.0}, voxels[3];
    for (int r = 0; r < 3; r++)
        voxels[r] = head->middle[r] - LABEL_MAP_MARGIN + 0.5;
    for (int t = 0; t < 3; t++)
        for (int r = 0; r < 3; r++)
            half[t] += fabs(head->inverse[t][r]) * voxels[r];
    /* The corners of the turned box hold nothing of a head. */
    for (int t = 0; t < 3; t++) {
        double upright = fabs(head->inverse[t][t]) * voxels[t];
        half[t] = 0.5 * (half[t] + upright);
        head->low_mm[t] = -half[t] - random_uniform(stream, -5.0, AIR_MM);
        head->high_mm[t] = half[t] + random_uniform(stream, -5.0, AIR_MM);
    }
}

/* Part of the head is not in the view, or is blank: the more often the less of it, from any side,
 * and one in three times about half of it from the left or the right. */
static void draw_cut(const ul_generation *ranges, random_stream *stream, head_scan *head) {
    head->blanked = false;
    if (!random_happens(stream, ranges->cut_p))
        return;
    bool middle = random_happens(stream, 1.0 / 3.0);
    int axis = middle ? 0 : (int)random_below(stream, 3);
    double share = middle ? random_uniform(stream, 0.4, 0.6) : random_uniform(stream, 0.1, 0.6);
    double side = random_happens(stream, 0.5) ? -1.0 : 1.0;
    double from = side > 0.0 ? head->high_mm[axis] : head->low_mm[axis];
    double to = side > 0.0 ? head->low_mm[axis] : head->high_mm[axis];
    double at = from + share * (to - from);
    if (random_happens(stream, 0.5)) {
        *(side > 0.0 ? &head->high_mm[axis] : &head->low_mm[axis]) = at;
        return;
    }
    /* Along the view, or turned with the head. */
    bool turned = random_happens(stream, 0.5);
    double length = 0.0;
    for (int t = 0; t < 3; t++) {
        head->blank_normal[t] = turned ? head->matrix[axis][t] : t == axis;
        length += head->blank_normal[t] * head->blank_normal[t];
    }
    double sign = side * (head->blank_normal[axis] < 0.0 ? -1.0 : 1.0) / sqrt(length);
    for (int t = 0; t < 3; t++)
        head->blank_normal[t] *= sign;
    head->blanked = true;
    head->blank_mm = side * at;
}

/* The scanner's voxels: thick slices along one axis, or nearly cubes. */
static void draw_resolution(const ul_generation *ranges, random_stream *stream, head_scan *head) {
    head->blur = random_uniform(stream, 0.9, 1.3);
    double plane = random_uniform(stream, ranges->resolution_low, ranges->resolution_high);
    size_t through = random_below(stream, 3);
    double thickness = random_happens(stream, ranges->thick_p)
                           ? random_uniform(stream, ranges->thick_low, ranges->thick_high)
                           : random_uniform(stream, 1.0, 1.2) * plane;
    for (size_t t = 0; t < 3; t++)
        head->voxel_mm[t] = t == through ? fmax(thickness, plane) : plane;
}

/* --- Values ---------------------------------------------------------------------------------- */

/* Takes the outside away, or some groups of it; what is left of it is black, mostly. */
static void draw_stripping(const label_values *values, const ul_generation *ranges,
    random_stream *stream, head_scan *head) {
    if (!random_happens(stream, ranges->strip_p))
        return;
    bool some = random_happens(stream, ranges->strip_some_p), taken[LABEL_VALUES_MOST];
    const head_tissue black = {.solid = 0.0f};
    const head_tissue left = random_happens(stream, 0.9) ? black : head->tissue[0];
    for (size_t i = 0; i < values->count; i++) {
        double outside = values->items[i].outside;
        /* One draw for a value and its mirror: those of the lower index. */
        bool first = values->items[i].mirror >= i;
        taken[i] = first ? random_happens(stream, some ? 0.5 * outside : outside)
                         : taken[values->items[i].mirror];
    }
    taken[0] = !some;
    for (size_t i = 0; i < values->count; i++)
        if (taken[i]) {
            head->tissue[i] = left;
            head->label[i] = 0;
        }
}

/* A voxel of the map where lesions may lie: false where there is none. */
static bool draw_lesion_place(
    const label_values *values, const label_map *map, random_stream *stream, size_t place[3]) {
    size_t may = 0;
    for (size_t i = 0; i < values->count; i++)
        may += values->items[i].lesions;
    if (may == 0)
        return false;
    size_t pick = random_below(stream, may), i = 0;
    while (!values->items[i].lesions || pick-- > 0)
        i++;
    size_t first = map->first[values->items[i].label];
    size_t count = map->first[values->items[i].label + 1] - first;
    if (count == 0)
        return false;
    const uint16_t *found = map->places[first + random_below(stream, count)];
    for (int t = 0; t < 3; t++)
        place[t] = found[t];
    return true;
}

static void draw_lesions(const label_values *values, const ul_generation *ranges,
    random_stream *stream, head_scan *head) {
    head->lesion_count = 0;
    if (!random_happens(stream, ranges->lesions_p))
        return;
    size_t wanted = 1 + random_below(stream, HEAD_LESIONS), at[3];
    head_tissue tissue = contrast_draw_tissue(ranges, stream);
    while (head->lesion_count < wanted && draw_lesion_place(values, head->map, stream, at)) {
        head_lesion *lesion = &head->lesions[head->lesion_count++];
        double radius = fmax(ranges->lesion_mm * pow(random_unit(stream), 2.0), 1.0);
        for (int t = 0; t < 3; t++) {
            double r = radius * random_uniform(stream, 0.6, 1.4);
            lesion->centre[t] = (float)at[t];
            lesion->radius[t] = (float)(r / head->map->spacing_mm[t]);
        }
        lesion->tissue = tissue;
    }
    for (size_t i = 0; i < values->count; i++)
        head->tissue[i].lesions = values->items[i].lesions;
}

static void draw_gamma(const ul_generation *ranges, random_stream *stream, head_scan *head) {
    double gamma = exp(ranges->gamma * random_normal(stream));
    for (size_t n = 0; n < GAMMA_STEPS + 2; n++)
        head->gamma[n] = (float)pow(2.0 * (double)n / GAMMA_STEPS, gamma);
}

void head_draw(const label_values *values, const label_map *map, const ul_generation *ranges,
    random_stream *stream, head_scan *head) {
    head->map = map;
    bool mirrored = draw_matrix(ranges, stream, head);
    for (size_t i = 0; i < values->count; i++)
        head->label[i] = values->items[mirrored ? values->items[i].mirror : i].label;
    draw_view(stream, head);
    double elastic = random_uniform(stream, 0.0, ranges->elastic_mm);
    for (int t = 0; t < 3; t++)
        smooth_field_draw(stream, elastic, ranges->elastic_spacing_mm, head->low_mm, head->high_mm,
            &head->displacement[t]);
    head->growth_mm = 0.0f;
    if (map->swelling)
        head->growth_mm = (float)random_uniform(stream, -ranges->shrink_mm, ranges->grow_mm);
    smooth_field_draw(stream, random_uniform(stream, 0.0, ranges->bias), ranges->bias_spacing_mm,
        head->low_mm, head->high_mm, &head->bias);
    draw_cut(ranges, stream, head);
    draw_resolution(ranges, stream, head);
    contrast_draw(values, ranges, stream, head->tissue);
    draw_lesions(values, ranges, stream, head);
    draw_stripping(values, ranges, stream, head);
    draw_gamma(ranges, stream, head);
    double noise = random_unit(stream);
    head->noise = (float)(ranges->noise * noise * noise);
    head->rician = random_happens(stream, ranges->rician_p);
    head->noise_seed = random_u64(stream);
}

void head_to_map(const head_scan *head, const double at_mm[3], double voxel[3]) {
    for (int r = 0; r < 3; r++)
        voxel[r] = head->middle[r] + head->matrix[r][0] * at_mm[0] + head->matrix[r][1] * at_mm[1] +
                   head->matrix[r][2] * at_mm[2];
}

void head_from_map(const head_scan *head, const double voxel[3], double at_mm[3]) {
    for (int r = 0; r < 3; r++)
        at_mm[r] = head->inverse[r][0] * (voxel[0] - head->middle[0]) +
                   head->inverse[r][1] * (voxel[1] - head->middle[1]) +
                   head->inverse[r][2] * (voxel[2] - head->middle[2]);
}
