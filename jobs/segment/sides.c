#include "jobs/segment/sides.h"

#include "volume/components.h"
#include "volume/vec3.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEAST_SHARE = 0.2;      /* of the smaller side's voxels to the larger's */
static const double LEAST_AGREEMENT = 0.75; /* share of voxels that lie on their own side */
static const double LEAST_ALIGNMENT = 0.5;  /* of the normal with the patient's left */
static const double FAR_SHARE = 0.2; /* of the distance of the centres: farther is no fissure */

enum { LEAST_VOXELS = 100 };

/* Positions are LPS mm, from `centre`. */
typedef struct midplane {
    bool found;
    double normal[3]; /* to the patient's left */
    double offset, far_mm;
    bool reversed; /* the left classes lie on the right */
} midplane;

typedef struct side_table {
    int8_t *side;      /* [UINT16_MAX + 1]: 1 of a left class, -1 of a right one, 0 of others */
    uint16_t *partner; /* [UINT16_MAX + 1] */
    const ul_grid *grid;
    double centre[3], step[3]; /* position of the first voxel, and from column to column */
} side_table;

/* Count, sums and products of positions. */
typedef struct moments {
    double count, sum[3], product[3][3];
} moments;

static int side_of_code(const ul_code *code) {
    if (strcmp(code->scheme, "SCT") != 0)
        return 0;
    return strcmp(code->value, "7771000") == 0 ? 1 : strcmp(code->value, "24028007") == 0 ? -1 : 0;
}

static int side_of(const ul_segment *segment) {
    int side = side_of_code(&segment->type_modifier);
    return side ? side : side_of_code(&segment->region_modifier);
}

/* Whether there is any pair. */
static bool fill_table(const ul_segments *segments, side_table *table) {
    bool any = false;
    for (size_t n = 0; n < segments->count; n++) {
        const ul_segment *own = &segments->items[n];
        const ul_segment *other = own->mirror ? ul_segments_find(segments, own->mirror) : NULL;
        if (!other || side_of(own) == 0 || side_of(own) != -side_of(other))
            continue;
        table->side[own->number] = (int8_t)side_of(own);
        table->partner[own->number] = (uint16_t)other->number;
        any = true;
    }
    return any;
}

static void position_of_row(const side_table *table, size_t row, double at[3]) {
    const ul_grid *grid = table->grid;
    size_t k = row / grid->size[1], j = row % grid->size[1];
    for (int c = 0; c < 3; c++)
        at[c] = grid->origin_mm[k][c] + (double)j * grid->spacing_mm[1] * grid->axis_j[c] -
                table->centre[c];
}

static double height_above(const midplane *plane, const double at[3]) {
    return vec3_dot(plane->normal, at) - plane->offset;
}

static void add_position(moments *m, const double at[3]) {
    m->count += 1.0;
    for (int a = 0; a < 3; a++) {
        m->sum[a] += at[a];
        for (int b = 0; b <= a; b++)
            m->product[a][b] += at[a] * at[b];
    }
}

/* Moments of both sides; with a plane, of the voxels alone that lie on their own side of it. */
static void gather(
    const side_table *table, const run_list *list, const midplane *plane, moments sides[2]) {
    memset(sides, 0, 2 * sizeof *sides);
    for (size_t n = 0; n < list->count; n++) {
        const run *r = &list->runs[n];
        int side = table->side[r->label];
        double row[3];
        if (side == 0)
            continue;
        position_of_row(table, r->row, row);
        for (size_t x = r->begin; x < r->end; x++) {
            double at[3];
            for (int c = 0; c < 3; c++)
                at[c] = row[c] + (double)x * table->step[c];
            int there = plane->reversed ? -side : side;
            if (!plane->found || height_above(plane, at) * there > 0.0)
                add_position(&sides[side < 0], at);
        }
    }
}

/* Solves a x = b for a symmetric a, of which the lower half is given; false where it is singular.
 */
static bool solve(const double a[3][3], const double b[3], double x[3]) {
    double full[3][3], rows[3][3], trace = a[0][0] + a[1][1] + a[2][2];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            full[i][j] = i < j ? a[j][i] : a[i][j];
    for (int i = 0; i < 3; i++)
        vec3_cross(full[(i + 1) % 3], full[(i + 2) % 3], rows[i]);
    double determinant = vec3_dot(full[0], rows[0]);
    if (!(determinant > 1e-9 * trace * trace * trace))
        return false;
    for (int i = 0; i < 3; i++)
        x[i] = (rows[0][i] * b[0] + rows[1][i] * b[1] + rows[2][i] * b[2]) / determinant;
    return true;
}

/* The linear discriminant between the sides, where it can be trusted. */
static midplane fit(const moments sides[2]) {
    midplane plane = {0};
    const moments *left = &sides[0], *right = &sides[1];
    double least = fmin(left->count, right->count), most = fmax(left->count, right->count);
    if (least < LEAST_VOXELS || least < LEAST_SHARE * most)
        return plane;
    double between[3], middle[3], within[3][3], w[3];
    for (int a = 0; a < 3; a++) {
        double means[2] = {left->sum[a] / left->count, right->sum[a] / right->count};
        between[a] = means[0] - means[1];
        middle[a] = 0.5 * (means[0] + means[1]);
        for (int b = 0; b <= a; b++)
            within[a][b] =
                0.5 * ((left->product[a][b] - means[0] * left->sum[b]) / left->count +
                          (right->product[a][b] - means[1] * right->sum[b]) / right->count);
    }
    if (!solve(within, between, w))
        return plane;
    double length = sqrt(vec3_dot(w, w));
    if (!(fabs(w[0]) >= LEAST_ALIGNMENT * length))
        return plane;
    plane.found = true;
    plane.reversed = w[0] < 0.0;
    for (int c = 0; c < 3; c++)
        plane.normal[c] = (plane.reversed ? -w[c] : w[c]) / length;
    plane.offset = vec3_dot(plane.normal, middle);
    plane.far_mm = FAR_SHARE * fabs(vec3_dot(plane.normal, between));
    return plane;
}

/* Gives voxel i, of class `own`, its partner's label. */
static void exchange(ul_labels *labels, size_t i, unsigned own, unsigned other) {
    const ul_segments *segments = &labels->segments;
    labels->map[i] = (uint16_t)other;
    if (!labels->fractions)
        return;
    size_t voxels = labels->grid.size[0] * labels->grid.size[1] * labels->grid.size[2];
    size_t places[2] = {(size_t)(ul_segments_find(segments, own) - segments->items),
        (size_t)(ul_segments_find(segments, other) - segments->items)};
    uint8_t *a = labels->fractions + places[0] * voxels + i;
    uint8_t *b = labels->fractions + places[1] * voxels + i, spare = *a;
    *a = *b;
    *b = spare;
}

/* Voxels of every component, at its first run: all, less twice those beyond the plane. */
static void balance(
    const side_table *table, run_list *list, const midplane *plane, ptrdiff_t *surplus) {
    for (size_t n = 0; n < list->count; n++) {
        const run *r = &list->runs[n];
        int side = table->side[r->label];
        double at[3];
        if (side == 0)
            continue;
        position_of_row(table, r->row, at);
        double height = height_above(plane, at), step = vec3_dot(plane->normal, table->step);
        ptrdiff_t *own = &surplus[runs_root(list->runs, n)];
        for (size_t x = r->begin; x < r->end; x++)
            *own += (height + (double)x * step) * side < 0.0 ? -1 : 1;
    }
}

static size_t settle_runs(const side_table *table, run_list *list, const midplane *plane,
    const ptrdiff_t *surplus, ul_labels *labels) {
    size_t changed = 0;
    for (size_t n = 0; n < list->count; n++) {
        const run *r = &list->runs[n];
        int side = table->side[r->label];
        double at[3];
        if (side == 0)
            continue;
        position_of_row(table, r->row, at);
        double height = height_above(plane, at), step = vec3_dot(plane->normal, table->step);
        int whole = surplus[runs_root(list->runs, n)] < 0 ? -side : side;
        for (size_t x = r->begin; x < r->end; x++) {
            double there = height + (double)x * step;
            int settled = fabs(there) > plane->far_mm ? (there > 0.0 ? 1 : -1) : whole;
            if (settled == side)
                continue;
            exchange(labels, r->row * list->size[0] + x, r->label, table->partner[r->label]);
            changed++;
        }
    }
    return changed;
}

/* The plane between the sides, fitted again to the voxels that agree with the first one. */
static midplane find_plane(const side_table *table, const run_list *list) {
    moments all[2], agreeing[2];
    midplane plane = {0};
    gather(table, list, &plane, all);
    plane = fit(all);
    if (!plane.found)
        return plane;
    gather(table, list, &plane, agreeing);
    plane = fit(agreeing);
    double agreed = agreeing[0].count + agreeing[1].count;
    plane.found = plane.found && agreed >= LEAST_AGREEMENT * (all[0].count + all[1].count);
    return plane;
}

/* Fits the plane and settles, over the components of the labels as they are. */
static ul_status settle(
    const side_table *table, ul_labels *labels, size_t *changed, ul_error *error) {
    run_list list = {.size = labels->grid.size};
    midplane plane = {0};
    ptrdiff_t *surplus = NULL;
    bool ready = runs_collect(labels->map, false, &list);
    if (ready)
        plane = find_plane(table, &list);
    if (ready && plane.found) {
        surplus = calloc(list.count + 1, sizeof *surplus);
        ready = surplus != NULL;
    }
    if (ready && plane.found) {
        runs_join(&list, true);
        balance(table, &list, &plane, surplus);
        *changed = settle_runs(table, &list, &plane, surplus, labels);
    }
    free(surplus);
    runs_free(&list);
    return ready ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the sides");
}

/* Room for the table of a grid with positions; false where memory ran out. */
static bool open_table(const ul_labels *labels, side_table *table) {
    const ul_grid *grid = &labels->grid;
    table->side = calloc(UINT16_MAX + 1, sizeof *table->side);
    table->partner = calloc(UINT16_MAX + 1, sizeof *table->partner);
    if (!table->side || !table->partner)
        return false;
    for (int c = 0; c < 3; c++) {
        table->centre[c] = grid->origin_mm[0][c];
        table->step[c] = grid->spacing_mm[0] * grid->axis_i[c];
    }
    return true;
}

static void close_table(side_table *table) {
    free(table->side);
    free(table->partner);
}

ul_status sides_settle(ul_labels *labels, size_t *changed, ul_error *error) {
    side_table table = {.grid = &labels->grid};
    *changed = 0;
    if (labels->grid.stack == UL_STACK_UNPLACED)
        return UL_OK;
    ul_status status = UL_OK;
    if (!open_table(labels, &table))
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the sides");
    else if (fill_table(&labels->segments, &table))
        status = settle(&table, labels, changed, error);
    close_table(&table);
    return status;
}

bool sides_find_left(const ul_labels *labels, double left[3]) {
    side_table table = {.grid = &labels->grid};
    run_list list = {.size = labels->grid.size};
    midplane plane = {0};
    if (labels->grid.stack == UL_STACK_UNPLACED)
        return false;
    if (open_table(labels, &table) && fill_table(&labels->segments, &table) &&
        runs_collect(labels->map, false, &list))
        plane = find_plane(&table, &list);
    memcpy(left, plane.normal, sizeof plane.normal);
    runs_free(&list);
    close_table(&table);
    return plane.found;
}
