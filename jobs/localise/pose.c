#include "jobs/localise/pose.h"

#include "jobs/segment/sides.h"
#include "volume/orient.h"
#include "volume/vec3.h"

#include <math.h>
#include <string.h>

/* A structure has a longest axis where its variance is so many times that of the next one. */
static const double LEAST_ELONGATION = 2.0;

enum { ITERATIONS = 64 };

/* Scales a vector to length 1; false where it has none. */
static bool make_unit(double v[3]) {
    double length = vec3_length(v);
    for (int c = 0; length > 0.0 && c < 3; c++)
        v[c] /= length;
    return length > 0.0;
}

/* The covariance of the positions of a class's voxels; false where there are none. */
static bool find_covariance(const ul_labels *labels, unsigned number, double covariance[3][3]) {
    const ul_grid *grid = &labels->grid;
    const uint16_t *map = labels->map;
    double count = 0.0, sum[3] = {0.0}, product[3][3] = {{0.0}};
    for (size_t k = 0; k < grid->size[2]; k++)
        for (size_t j = 0; j < grid->size[1]; j++)
            for (size_t i = 0; i < grid->size[0]; i++, map++) {
                if (*map != number)
                    continue;
                double at[3];
                vec3_add(grid->origin_mm[k], -1.0, grid->origin_mm[0], at);
                vec3_add(at, (double)i * grid->spacing_mm[0], grid->axis_i, at);
                vec3_add(at, (double)j * grid->spacing_mm[1], grid->axis_j, at);
                count += 1.0;
                for (int a = 0; a < 3; a++) {
                    sum[a] += at[a];
                    for (int b = 0; b < 3; b++)
                        product[a][b] += at[a] * at[b];
                }
            }
    for (int a = 0; count > 0.0 && a < 3; a++)
        for (int b = 0; b < 3; b++)
            covariance[a][b] = product[a][b] / count - sum[a] * sum[b] / count / count;
    return count > 0.0;
}

/* The eigenvector of the largest eigenvalue of a symmetric positive matrix, by powers of it. */
static double largest_eigenvector(const double m[3][3], double v[3]) {
    double value = 0.0;
    int longest = 0;
    for (int c = 1; c < 3; c++)
        longest = m[c][c] > m[longest][longest] ? c : longest;
    memcpy(v, m[longest], 3 * sizeof *v);
    for (int n = 0; n < ITERATIONS && make_unit(v); n++) {
        double next[3] = {vec3_dot(m[0], v), vec3_dot(m[1], v), vec3_dot(m[2], v)};
        value = vec3_length(next);
        memcpy(v, next, sizeof next);
    }
    make_unit(v);
    return value;
}

static bool find_axis(const ul_labels *labels, unsigned number, double axis[3]) {
    double m[3][3], second[3];
    if (!find_covariance(labels, number, m))
        return false;
    double largest = largest_eigenvector(m, axis);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            m[a][b] -= largest * axis[a] * axis[b];
    return largest > LEAST_ELONGATION * largest_eigenvector(m, second);
}

/* Takes the part along left away; false where nothing is left of it. */
static bool flatten(const double left[3], double v[3]) {
    vec3_add(v, -vec3_dot(left, v), left, v);
    return make_unit(v);
}

/* Unit vectors: left, along v, and at right angles to both. */
static void make_frame(const double left[3], const double v[3], double frame[3][3]) {
    memcpy(frame[0], left, 3 * sizeof *left);
    memcpy(frame[1], v, 3 * sizeof *v);
    vec3_cross(left, v, frame[2]);
}

/* The angle of the turn that takes the voxels' axes to others. */
static double degrees_from(const ul_grid *grid, const double axis[3][3]) {
    const orientation o = orientation_upright(grid, UL_PLANE_AXIAL);
    double direction[3][3], trace = 0.0;
    memcpy(direction[0], grid->axis_i, sizeof direction[0]);
    memcpy(direction[1], grid->axis_j, sizeof direction[1]);
    ul_grid_normal(grid, direction[2]);
    for (int c = 0; ul_grid_step_mm(grid) < 0.0 && c < 3; c++)
        direction[2][c] = -direction[2][c];
    for (int a = 0; a < 3; a++)
        trace += (o.reversed[a] ? -1.0 : 1.0) * vec3_dot(direction[o.axis[a]], axis[a]);
    return acos(fmin(fmax(0.5 * (trace - 1.0), -1.0), 1.0)) * 180.0 / acos(-1.0);
}

pose pose_find(
    const ul_labels *labels, const unsigned *numbers, size_t count, const double upright[3]) {
    const double patient[3] = {1.0, 0.0, 0.0};
    double left[3], along[3] = {0.0}, wanted[3], from[3][3], to[3][3];
    pose p = {.axis = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    memcpy(wanted, upright, sizeof wanted);
    if (!flatten(patient, wanted))
        return p;
    if (!sides_find_left(labels, left))
        memcpy(left, patient, sizeof left);
    for (size_t n = 0; n < count; n++) {
        double axis[3];
        if (find_axis(labels, numbers[n], axis))
            vec3_add(along, vec3_dot(axis, wanted) < 0.0 ? -1.0 : 1.0, axis, along);
    }
    if (!flatten(left, along))
        memcpy(along, wanted, sizeof along);
    if (!flatten(left, along))
        return p;
    make_frame(patient, wanted, from);
    make_frame(left, along, to);
    for (int a = 0; a < 3; a++) {
        for (int c = 0; c < 3; c++) {
            p.axis[a][c] = 0.0;
            for (int f = 0; f < 3; f++)
                p.axis[a][c] += to[f][c] * from[f][a];
        }
    }
    p.degrees = degrees_from(&labels->grid, (const double(*)[3])p.axis);
    return p;
}
