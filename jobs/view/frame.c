#include "jobs/view/frame.h"

#include "volume/orient.h"
#include "volume/vec3.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void frame_free(view_frame *frame) {
    free(frame->shift_mm);
    free(frame->border_mm);
    *frame = (view_frame){0};
}

static void set_axes(const ul_grid *grid, view_frame *f) {
    memcpy(f->axis[0], grid->axis_i, sizeof f->axis[0]);
    memcpy(f->axis[1], grid->axis_j, sizeof f->axis[1]);
    ul_grid_normal(grid, f->axis[2]);
    size_t last = f->size[2] - 1;
    if (ul_grid_offset_mm(grid, last) < ul_grid_offset_mm(grid, 0))
        for (int c = 0; c < 3; c++)
            f->axis[2][c] = -f->axis[2][c];
}

static void set_shifts(const ul_grid *grid, view_frame *f) {
    for (size_t k = 0; k < f->size[2]; k++)
        for (int a = 0; a < 3; a++) {
            if (f->placed)
                f->shift_mm[k][a] = vec3_dot(grid->origin_mm[k], f->axis[a]);
            else
                f->shift_mm[k][a] = a == 2 ? (double)k : 0.0;
        }
}

/* Half the way to each neighbour, but no further than half the median step where slices are
 * missing. */
static void set_borders(const ul_grid *grid, view_frame *f) {
    size_t count = f->size[2];
    for (size_t k = 0; k < count; k++) {
        double w = f->shift_mm[k][2], half = f->step_mm / 2.0, *border = f->border_mm + 2 * k;
        border[0] = w - half;
        border[1] = w + half;
        if (f->placed && k > 0 && !ul_grid_gap_after(grid, k - 1))
            border[0] = (w + f->shift_mm[k - 1][2]) / 2.0;
        if (f->placed && k + 1 < count && !ul_grid_gap_after(grid, k))
            border[1] = (w + f->shift_mm[k + 1][2]) / 2.0;
    }
}

static void set_box(view_frame *f) {
    for (int a = 0; a < 3; a++) {
        f->low[a] = INFINITY;
        f->high[a] = -INFINITY;
    }
    for (size_t k = 0; k < f->size[2]; k++) {
        for (int a = 0; a < 2; a++) {
            double first = f->shift_mm[k][a] - f->spacing_mm[a] / 2.0;
            f->low[a] = fmin(f->low[a], first);
            f->high[a] = fmax(f->high[a], first + (double)f->size[a] * f->spacing_mm[a]);
        }
        f->low[2] = fmin(f->low[2], f->border_mm[2 * k]);
        f->high[2] = fmax(f->high[2], f->border_mm[2 * k + 1]);
    }
}

ul_status frame_create(const ul_grid *grid, view_frame *frame, ul_error *error) {
    view_frame *f = frame;
    *f = (view_frame){.placed = grid->stack != UL_STACK_UNPLACED,
        .spaced = grid->spacing_mm[0] > 0.0 && grid->spacing_mm[1] > 0.0};
    memcpy(f->size, grid->size, sizeof f->size);
    f->shift_mm = malloc(f->size[2] * sizeof *f->shift_mm);
    f->border_mm = malloc(f->size[2] * 2 * sizeof *f->border_mm);
    if (!f->shift_mm || !f->border_mm) {
        frame_free(f);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the planes of a volume");
    }
    if (f->placed)
        set_axes(grid, f);
    for (int a = 0; a < 2; a++)
        f->spacing_mm[a] = f->spaced ? grid->spacing_mm[a] : 1.0;
    f->step_mm = f->placed ? fabs(grid->median_step_mm) : 0.0;
    if (f->step_mm <= 0.0)
        f->step_mm = grid->thickness_mm > 0.0 ? grid->thickness_mm : 1.0;
    set_shifts(grid, f);
    set_borders(grid, f);
    set_box(f);
    return UL_OK;
}

bool frame_slice_at(const view_frame *frame, double w, size_t *k) {
    size_t first = 0, past = frame->size[2];
    while (past - first > 1) { /* the last slice that begins at or below w */
        size_t middle = first + (past - first) / 2;
        if (frame->border_mm[2 * middle] <= w)
            first = middle;
        else
            past = middle;
    }
    *k = first;
    return frame->border_mm[2 * first] <= w && w <= frame->border_mm[2 * first + 1];
}

/* The patient position of a point of the frame: LPS, mm. */
static void frame_position(const view_frame *frame, const double at[3], double lps_mm[3]) {
    memset(lps_mm, 0, 3 * sizeof *lps_mm);
    for (int a = 0; a < 3; a++)
        vec3_add(lps_mm, at[a], frame->axis[a], lps_mm);
}

static void set_direction(const view_frame *f, int axis, bool against, double direction[3]) {
    for (int c = 0; c < 3; c++)
        direction[c] = against ? -f->axis[axis][c] : f->axis[axis][c];
}

static view_plane plane_of(const view_frame *f, const orientation *o, ul_plane name) {
    view_plane plane = {.name = name,
        .across = o->axis[0],
        .down = o->axis[1],
        .normal = o->axis[2],
        .against = {o->reversed[0], o->reversed[1]}};
    set_direction(f, plane.across, plane.against[0], plane.right);
    set_direction(f, plane.down, plane.against[1], plane.below);
    set_direction(f, plane.normal, o->reversed[2], plane.out);
    return plane;
}

int frame_planes(const ul_grid *grid, const view_frame *frame, view_plane planes[3]) {
    static const ul_plane names[] = {UL_PLANE_AXIAL, UL_PLANE_CORONAL, UL_PLANE_SAGITTAL};
    if (!frame->placed || frame->size[2] == 1) {
        orientation o = orientation_acquired(grid);
        planes[0] = plane_of(frame, &o, ul_grid_plane(grid));
        return 1;
    }
    for (int p = 0; p < 3; p++) {
        orientation o = orientation_upright(grid, names[p]);
        planes[p] = plane_of(frame, &o, names[p]);
    }
    return 3;
}

void frame_letters(const double direction[3], bool opposite, char letters[FRAME_LETTERS_BYTES]) {
    static const char along[] = "LPH", against[] = "RAF";
    const double least = 0.2588; /* sine of 15 degrees */
    bool done[3] = {false};
    int count = 0;
    for (int n = 0; n < 3; n++) {
        int best = -1;
        for (int c = 0; c < 3; c++)
            if (!done[c] && fabs(direction[c]) >= least &&
                (best < 0 || fabs(direction[c]) > fabs(direction[best])))
                best = c;
        if (best < 0)
            break;
        done[best] = true;
        letters[count++] = (direction[best] > 0.0) != opposite ? along[best] : against[best];
    }
    letters[count] = '\0';
}

void frame_place(const view_frame *frame, const view_plane *plane, const double at[3],
    char text[FRAME_PLACE_BYTES]) {
    double lps_mm[3];
    char letters[FRAME_LETTERS_BYTES];
    *text = '\0';
    if (!frame->placed)
        return;
    frame_position(frame, at, lps_mm);
    double along = vec3_dot(lps_mm, plane->out);
    frame_letters(plane->out, along < 0.0, letters);
    snprintf(text, FRAME_PLACE_BYTES, "%c %.1f mm", *letters, fabs(along));
}

void frame_size(const ul_grid *grid, char text[FRAME_SIZE_BYTES]) {
    bool spaced = grid->spacing_mm[0] > 0.0 && grid->spacing_mm[1] > 0.0;
    double step = fabs(grid->median_step_mm);
    char depth[40] = "", spacing[120] = "";
    if (step > 0.0)
        snprintf(depth, sizeof depth, " x %.4g", step);
    if (spaced)
        snprintf(spacing, sizeof spacing, " of %.4g x %.4g%s mm", grid->spacing_mm[0],
            grid->spacing_mm[1], depth);
    snprintf(text, FRAME_SIZE_BYTES, "%zu x %zu x %zu voxels%s", grid->size[0], grid->size[1],
        grid->size[2], spacing);
}
