#include "io/rtstruct/contour.h"

#include "libulite/base/resources.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A loop of unit steps around a part (clockwise, rows growing downwards) or around a hole. */
typedef struct loop {
    size_t first, count; /* in points */
    int64_t area;        /* twice; over 0 around a part */
    size_t leftmost;     /* of its points, the upper of several */
} loop;

typedef struct tracer {
    const uint8_t *mask;
    int32_t width, height;
    uint8_t *passed; /* [height][width]: the upper edge of the pixel is part of a loop */
    contour_point *points;
    size_t point_count, point_room;
    loop *loops;
    size_t loop_count, loop_room;
    uint32_t *point_at; /* [height + 1][width + 1]: a point in that corner, from 1 */
} tracer;

static bool holds(const tracer *t, int32_t i, int32_t j) {
    return i >= 0 && j >= 0 && i < t->width && j < t->height && t->mask[(size_t)j * t->width + i];
}

static size_t corner(const tracer *t, contour_point at) {
    return (size_t)at.y * ((size_t)t->width + 1) + (size_t)at.x;
}

/* Walks once around, the part on the right hand, from the upper edge of pixel (i, j). */
static bool walk(tracer *t, int32_t i, int32_t j) {
    static const contour_point steps[4] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}}; /* E S W N */
    /* From a corner, where the pixel ahead on the right and that on the left lie. */
    static const contour_point right[4] = {{0, 0}, {-1, 0}, {-1, -1}, {0, -1}};
    static const contour_point left[4] = {{0, -1}, {0, 0}, {-1, 0}, {-1, -1}};
    loop *loops = ul_grow(t->loops, t->loop_count, &t->loop_room, sizeof *loops);
    if (!loops)
        return false;
    t->loops = loops;
    loop *own = &t->loops[t->loop_count++];
    *own = (loop){.first = t->point_count, .leftmost = t->point_count};
    contour_point at = {i, j};
    int direction = 0;
    do {
        contour_point *points = ul_grow(t->points, t->point_count, &t->point_room, sizeof *points);
        if (!points)
            return false;
        t->points = points;
        const contour_point *leftmost = &t->points[own->leftmost];
        if (t->point_count == own->first || at.x < leftmost->x ||
            (at.x == leftmost->x && at.y < leftmost->y))
            own->leftmost = t->point_count;
        t->points[t->point_count++] = at;
        t->point_at[corner(t, at)] = (uint32_t)t->point_count;
        if (direction == 0)
            t->passed[(size_t)at.y * t->width + at.x] = 1;
        contour_point next = {at.x + steps[direction].x, at.y + steps[direction].y};
        own->area += (int64_t)at.x * next.y - (int64_t)next.x * at.y;
        at = next;
        /* First to the right: pixels that meet in a corner alone are apart. */
        if (!holds(t, at.x + right[direction].x, at.y + right[direction].y))
            direction = (direction + 1) % 4;
        else if (holds(t, at.x + left[direction].x, at.y + left[direction].y))
            direction = (direction + 3) % 4;
    } while (at.x != i || at.y != j || direction != 0);
    own->count = t->point_count - own->first;
    return true;
}

static bool walk_all(tracer *t) {
    for (int32_t j = 0; j < t->height; j++)
        for (int32_t i = 0; i < t->width; i++)
            if (holds(t, i, j) && !holds(t, i, j - 1) && !t->passed[(size_t)j * t->width + i] &&
                !walk(t, i, j))
                return false;
    return true;
}

/* A loop as it is joined together: points that follow each other. */
typedef struct link {
    contour_point at;
    uint32_t next; /* index of the next one */
} link;

typedef struct weave {
    link *links; /* the points of all loops, then what channels add */
    size_t count;
} weave;

/* A hole, and its leftmost point by which holes are sorted. */
typedef struct placed_hole {
    contour_point at;
    const loop *hole;
} placed_hole;

static int compare_holes(const void *a, const void *b) {
    const contour_point *left = &((const placed_hole *)a)->at,
                        *right = &((const placed_hole *)b)->at;
    return left->x != right->x ? (left->x > right->x) - (left->x < right->x)
                               : (left->y > right->y) - (left->y < right->y);
}

/* The point that a hole's channel meets, going left from the hole's leftmost one through the part.
 * Its corner has no other, because the pixels on its right belong to the part. */
static size_t meet(const tracer *t, const loop *hole) {
    contour_point at = t->points[hole->leftmost];
    do
        at.x--;
    while (t->point_at[corner(t, at)] == 0);
    return t->point_at[corner(t, at)] - 1;
}

/* Joins the hole by a channel: from the point that it meets to the hole, around it, and back. */
static void join(const tracer *t, weave *w, const loop *hole, size_t point) {
    size_t last =
        hole->leftmost == hole->first ? hole->first + hole->count - 1 : hole->leftmost - 1;
    uint32_t again = (uint32_t)w->count, back = again + 1;
    w->links[again] = (link){t->points[hole->leftmost], back};
    w->links[back] = (link){t->points[point], w->links[point].next};
    w->count += 2;
    w->links[point].next = (uint32_t)hole->leftmost;
    w->links[last].next = again;
}

/* Joins all holes, from left to right, so that what one meets is joined already. */
static bool weave_loops(const tracer *t, weave *w) {
    size_t hole_count = 0;
    for (size_t n = 0; n < t->loop_count; n++)
        hole_count += t->loops[n].area < 0;
    placed_hole *order = malloc((hole_count + 1) * sizeof *order);
    w->links = malloc((t->point_count + 2 * hole_count + 1) * sizeof *w->links);
    if (!order || !w->links) {
        free(order);
        return false;
    }
    w->count = t->point_count;
    hole_count = 0;
    for (size_t n = 0; n < t->loop_count; n++) {
        const loop *own = &t->loops[n];
        for (size_t p = own->first; p < own->first + own->count; p++)
            w->links[p] = (link){
                t->points[p], (uint32_t)(p + 1 < own->first + own->count ? p + 1 : own->first)};
        if (own->area < 0)
            order[hole_count++] = (placed_hole){t->points[own->leftmost], own};
    }
    qsort(order, hole_count, sizeof *order, compare_holes);
    for (size_t h = 0; h < hole_count; h++)
        join(t, w, order[h].hole, meet(t, order[h].hole));
    free(order);
    return true;
}

static bool turns(contour_point a, contour_point b, contour_point c) {
    return (int64_t)(b.x - a.x) * (c.y - b.y) != (int64_t)(b.y - a.y) * (c.x - b.x) ||
           (int64_t)(b.x - a.x) * (c.x - b.x) + (int64_t)(b.y - a.y) * (c.y - b.y) < 0;
}

/* The corners of a woven loop, without the points between them on straight edges. */
static bool copy_corners(const weave *w, size_t first, closed_contour *to) {
    size_t count = 0, kept = 0;
    for (size_t p = first; count == 0 || p != first; p = w->links[p].next)
        count++;
    contour_point *all = malloc(count * sizeof *all);
    to->points = malloc(count * sizeof *to->points);
    if (!all || !to->points) {
        free(all);
        return false;
    }
    for (size_t n = 0, p = first; n < count; n++, p = w->links[p].next)
        all[n] = w->links[p].at;
    for (size_t n = 0; n < count; n++)
        if (turns(all[(n + count - 1) % count], all[n], all[(n + 1) % count]))
            to->points[kept++] = all[n];
    to->count = kept;
    free(all);
    return true;
}

static bool collect(const tracer *t, contours *found) {
    weave w = {0};
    bool done = weave_loops(t, &w);
    found->items = done ? calloc(t->loop_count + 1, sizeof *found->items) : NULL;
    done = done && found->items;
    for (size_t n = 0; done && n < t->loop_count; n++)
        if (t->loops[n].area > 0)
            done = copy_corners(&w, t->loops[n].first, &found->items[found->count++]);
    free(w.links);
    return done;
}

ul_status contours_trace(
    const uint8_t *mask, size_t width, size_t height, contours *found, ul_error *error) {
    memset(found, 0, sizeof *found);
    tracer t = {.mask = mask, .width = (int32_t)width, .height = (int32_t)height};
    t.passed = calloc(width * height + 1, 1);
    t.point_at = calloc((width + 1) * (height + 1), sizeof *t.point_at);
    bool done = t.passed && t.point_at && walk_all(&t) && collect(&t, found);
    free(t.passed);
    free(t.point_at);
    free(t.points);
    free(t.loops);
    if (done)
        return UL_OK;
    contours_free(found);
    return ul_error_set(
        error, UL_ERROR_LIMIT, "out of memory for the contours of %zux%zu pixels", width, height);
}

void contours_free(contours *found) {
    for (size_t n = 0; n < found->count; n++)
        free(found->items[n].points);
    free(found->items);
    memset(found, 0, sizeof *found);
}
