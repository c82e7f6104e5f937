#include "jobs/segment/quality.h"

#include "jobs/base/digits.h"
#include "jobs/segment/field_of_view.h"
#include "jobs/segment/surroundings.h"
#include "volume/components.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond these a class is flagged. */
static const double MOST_PIECES = 0.2; /* of its voxels */
static const double MOST_BRIGHT = 0.5; /* of the volume's faces */

/* A bit, or a probability of 1, in the meters. */
static const double METER_UNIT = 65536.0;

quality_meter *quality_meter_create(void) {
    return calloc(1, sizeof(quality_meter));
}

/* The softmax (one class: the sigmoid) of logits / planes: its entropy in bits, and what it gives
 * two labels. */
typedef struct voxel_softmax {
    double entropy, probability[2];
} voxel_softmax;

static voxel_softmax softmax_of(
    const float *logits, size_t stride, size_t classes, size_t planes, const unsigned labels[2]) {
    float scale = 1.0f / (float)planes, highest = classes == 1 ? fmaxf(logits[0], 0.0f) : logits[0];
    for (size_t c = 1; c < classes; c++)
        highest = fmaxf(highest, logits[c * stride]);
    float total = 0.0f, weighted = 0.0f, own[2] = {0.0f, 0.0f};
    for (size_t n = 0; n < classes || n < 2; n++) {
        /* Of a single output: the background, then the class. */
        float logit = classes > 1 ? logits[n * stride] : n == 0 ? 0.0f : logits[0];
        float z = scale * (logit - highest), e = expf(z);
        total += e;
        weighted += e * z;
        for (int side = 0; side < 2; side++)
            if (n == labels[side])
                own[side] = e;
    }
    return (voxel_softmax){(double)(logf(total) - weighted / total) / log(2.0),
        {(double)(own[0] / total), (double)(own[1] / total)}};
}

static void add(atomic_uint_fast64_t *sum, double value) {
    atomic_fetch_add_explicit(sum, (uint_fast64_t)(value * METER_UNIT), memory_order_relaxed);
}

void quality_add_surface(quality_meter *meter, const unsigned labels[2], bool first_known,
    const float *logits, size_t stride, size_t classes, size_t planes) {
    for (int side = 0; side < 2; side++) {
        surface_meter *own = &meter->surface[labels[side]], *other = &meter->surface[labels[!side]];
        voxel_softmax voxel = softmax_of(logits + side, stride, classes, planes, labels);
        if (!(voxel.entropy >= 0.0)) /* logits that are not finite */
            continue;
        add(&other->outside, voxel.probability[!side]);
        if (side == 0 && first_known)
            continue;
        atomic_fetch_add_explicit(&own->voxels, 1, memory_order_relaxed);
        add(&own->entropy, voxel.entropy);
        add(&own->missed, fmax(1.0 - voxel.probability[side], 0.0));
    }
}

/* The Dice that the probabilities themselves expect, by those at the surface: soft Dice confidence
 * (Borges and others, arXiv 2402.10665, 2024). */
static double confidence_of(const surface_meter *surface, size_t voxels) {
    double missed = (double)surface->missed / METER_UNIT;
    double outside = (double)surface->outside / METER_UNIT, all = (double)voxels;
    return all > missed ? 2.0 * (all - missed) / (2.0 * all - missed + outside) : 0.0;
}

static bool is_flat(const ul_grid *grid) {
    return grid->stack == UL_STACK_UNPLACED || grid->size[2] == 1;
}

ul_status quality_measure_pieces(quality_meter *meter, const ul_labels *labels, ul_error *error) {
    run_list list = {.size = labels->grid.size};
    size_t all[PREDICT_MAX_CLASSES] = {0}, largest[PREDICT_MAX_CLASSES] = {0}, *sizes = NULL;
    if (is_flat(&labels->grid))
        return UL_OK;
    bool ready = runs_collect(labels->map, false, &list);
    if (ready)
        sizes = calloc(list.count + 1, sizeof *sizes);
    ready = ready && sizes;
    if (ready)
        runs_join(&list, true);
    for (size_t n = 0; ready && n < list.count; n++) {
        const run *r = &list.runs[n];
        size_t *size = &sizes[runs_root(list.runs, n)];
        *size += r->end - r->begin;
        all[r->label] += r->end - r->begin;
        largest[r->label] = *size > largest[r->label] ? *size : largest[r->label];
    }
    for (size_t c = 0; c < PREDICT_MAX_CLASSES; c++)
        meter->pieces[c] = all[c] ? 1.0 - (double)largest[c] / (double)all[c] : 0.0;
    free(sizes);
    runs_free(&list);
    return ready ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the components");
}

typedef struct class_count {
    size_t voxels, border;
    double mm3;
} class_count;

/* Voxels, volume, and voxels at the ends of the field of view, of every class. */
static void count_voxels(
    const ul_labels *labels, const field_of_view *view, class_count count[PREDICT_MAX_CLASSES]) {
    const ul_grid *grid = &labels->grid;
    const size_t *first = view->first, *last = view->last;
    const uint16_t *map = labels->map;
    for (size_t k = 0; k < grid->size[2]; k++) {
        double mm3 = grid->spacing_mm[0] * grid->spacing_mm[1] * ul_grid_depth_mm(grid, k);
        for (size_t j = 0; j < grid->size[1]; j++) {
            bool end = k <= first[2] || k >= last[2] || j <= first[1] || j >= last[1];
            for (size_t i = 0; i < grid->size[0]; i++, map++) {
                if (*map == 0)
                    continue;
                class_count *own = &count[*map];
                own->voxels++;
                own->border += end || i <= first[0] || i >= last[0];
                own->mm3 += mm3;
            }
        }
    }
}

static unsigned find_flags(const ul_segment_quality *q, const ul_limits *limits, bool one_piece) {
    unsigned flags = 0;
    if (q->voxels == 0)
        return q->range_ml[0] == 0.0 ? 0 : UL_QUALITY_EMPTY;
    if (q->border > limits->border)
        flags |= UL_QUALITY_BORDER;
    if (one_piece && q->pieces > MOST_PIECES)
        flags |= UL_QUALITY_PIECES;
    if (q->volume_ml * limits->volume < q->range_ml[0] ||
        q->volume_ml > q->range_ml[1] * limits->volume)
        flags |= UL_QUALITY_VOLUME;
    if (q->disagreement > limits->bits)
        flags |= UL_QUALITY_DISAGREEMENT;
    return flags;
}

void quality_judge(const quality_meter *meter, const ul_card *card, const ul_volume *volume,
    const ul_labels *labels, ul_segment_quality *quality) {
    const field_of_view view = field_of_view_find(volume, labels);
    class_count count[PREDICT_MAX_CLASSES] = {{0}};
    count_voxels(labels, &view, count);
    const ul_limits usual = UL_LIMITS_DEFAULT;
    bool flat = is_flat(&labels->grid);
    bool inverted =
        card->dark_surroundings && !flat && surroundings_brighter(volume, labels) > MOST_BRIGHT;
    for (size_t n = 0; n < card->classes.count; n++) {
        unsigned number = card->classes.items[n].number;
        const class_count *own = &count[number];
        const ul_postprocess *rules =
            card->class_rules ? &card->class_rules[n] : &card->postprocess;
        const surface_meter *surface = &meter->surface[number];
        double met = (double)surface->voxels;
        ul_segment_quality *q = &quality[n];
        *q = (ul_segment_quality){.number = number, .voxels = own->voxels};
        q->volume_ml = !flat && (own->mm3 > 0.0 || own->voxels == 0) ? own->mm3 / 1000.0 : NAN;
        q->range_ml[0] = card->volumes_ml ? card->volumes_ml[n][0] : NAN;
        q->range_ml[1] = card->volumes_ml ? card->volumes_ml[n][1] : NAN;
        q->border = flat || !own->voxels ? NAN : (double)own->border / (double)own->voxels;
        q->pieces = flat || !own->voxels ? NAN : meter->pieces[number];
        q->disagreement = met > 0.0 ? (double)surface->entropy / METER_UNIT / met : NAN;
        q->confidence = met > 0.0 && own->voxels ? confidence_of(surface, own->voxels) : NAN;
        q->flags =
            find_flags(q, card->limits ? &card->limits[n] : &usual, rules->largest_component) |
            (inverted ? UL_QUALITY_INVERTED : 0u);
    }
}

const char *ul_quality_word(int n) {
    static const char *const words[UL_QUALITY_FLAGS] = {
        "empty", "border", "pieces", "volume", "disagreement", "localiser", "forced", "inverted"};
    return words[n];
}

void ul_quality_text(const ul_segment_quality *q, char text[UL_QUALITY_TEXT_BYTES]) {
    char parts[UL_QUALITY_FLAGS][64], sizes[3][DIGITS_TEXT_BYTES];
    size_t used = 0;
    snprintf(parts[0], sizeof *parts, "empty");
    snprintf(parts[1], sizeof *parts, "touches the border of the field of view");
    snprintf(parts[2], sizeof *parts, "in pieces (%.0f %% apart)", 100.0 * q->pieces);
    snprintf(parts[3], sizeof *parts, "%.12s mL, %.12s to %.12s in training",
        digits_text(q->volume_ml, sizes[0]), digits_text(q->range_ml[0], sizes[1]),
        digits_text(q->range_ml[1], sizes[2]));
    snprintf(parts[4], sizeof *parts, "uncertain surface (%.2f bits)", q->disagreement);
    snprintf(parts[5], sizeof *parts, "found by a doubtful localisation");
    snprintf(parts[6], sizeof *parts, "not what the model was made for");
    snprintf(parts[7], sizeof *parts, "the air around is bright, as if intensities were inverted");
    *text = '\0';
    for (int n = 0; n < UL_QUALITY_FLAGS; n++)
        if (q->flags & 1u << n)
            used += (size_t)snprintf(
                text + used, UL_QUALITY_TEXT_BYTES - used, "%s%s", used ? "; " : "", parts[n]);
}

void ul_quality_describe(const ul_segment_quality *quality, size_t count, ul_labels *labels) {
    for (size_t n = 0; n < count; n++) {
        char text[UL_QUALITY_TEXT_BYTES];
        ul_quality_text(&quality[n], text);
        for (size_t s = 0; quality[n].flags && s < labels->segments.count; s++) {
            ul_segment *segment = &labels->segments.items[s];
            size_t used = strlen(segment->description);
            if (segment->number == quality[n].number &&
                used + UL_QUALITY_TEXT_BYTES + 16 < sizeof segment->description)
                snprintf(segment->description + used, sizeof segment->description - used,
                    "%sDoubtful: %s.", used ? " " : "", text);
        }
    }
}
