#include "volume/orient.h"

#include <math.h>
#include <string.h>

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

orientation orientation_stored(const ul_grid *grid) {
    return (orientation){.axis = {0, 1, 2}, .size = {grid->size[0], grid->size[1], grid->size[2]}};
}

orientation orientation_upright(const ul_grid *grid, ul_plane plane) {
    int axis[3], sign[3];
    orientation o = {.axis = {0}};
    patient_axes(grid, axis, sign);
    for (int t = 0; t < 3; t++)
        for (int s = 0; s < 3; s++)
            if (axis[s] == upright[plane].axis[t]) {
                o.axis[t] = s;
                o.reversed[t] = sign[s] != upright[plane].sign[t];
                o.size[t] = grid->size[s];
            }
    return o;
}

void orientation_axes(ul_plane plane, int axis[3], int sign[3]) {
    memcpy(axis, upright[plane].axis, sizeof upright[plane].axis);
    memcpy(sign, upright[plane].sign, sizeof upright[plane].sign);
}

orientation orientation_acquired(const ul_grid *grid) {
    static const ul_plane across[] = {UL_PLANE_SAGITTAL, UL_PLANE_CORONAL, UL_PLANE_AXIAL};
    if (grid->stack == UL_STACK_UNPLACED)
        return orientation_stored(grid);
    int axis[3], sign[3];
    patient_axes(grid, axis, sign);
    return orientation_upright(grid, across[axis[2]]);
}

ul_voxel_plane orientation_slice(const orientation *o, size_t z) {
    ul_voxel_plane plane = {.width = o->size[0], .height = o->size[1]};
    for (int t = 0; t < 3; t++)
        plane.start[o->axis[t]] = o->reversed[t] ? (ptrdiff_t)o->size[t] - 1 : 0;
    plane.start[o->axis[2]] += o->reversed[2] ? -(ptrdiff_t)z : (ptrdiff_t)z;
    plane.step_x[o->axis[0]] = o->reversed[0] ? -1 : 1;
    plane.step_y[o->axis[1]] = o->reversed[1] ? -1 : 1;
    return plane;
}
