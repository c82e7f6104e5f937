/* A model in the boxes that another one finds. */
#include "io/base/sha256.h"
#include "ulite/segment.h"

#include "jobs/localise/pose.h"
#include "jobs/localise/turned.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const double LEAST_TURN = 15.0; /* degrees: what training and its augmentation saw */

/* A class that was found: the box with its margin, along the axes of a pose. */
typedef struct found_box {
    bool turned;
    ul_grid grid; /* where it is turned, owned */
} found_box;

/* Widens the box in the slices and along their normal. */
static void widen(const ul_grid *grid, double margin_mm, size_t low[3], size_t high[3]) {
    const size_t *size = grid->size;
    for (int a = 0; a < 2; a++) {
        size_t margin = (size_t)ceil(fmin(margin_mm / grid->spacing_mm[a], (double)size[a]));
        low[a] -= low[a] < margin ? low[a] : margin;
        high[a] += size[a] - 1 - high[a] < margin ? size[a] - 1 - high[a] : margin;
    }
    double first = ul_grid_offset_mm(grid, low[2]), last = ul_grid_offset_mm(grid, high[2]);
    while (low[2] > 0 && fabs(ul_grid_offset_mm(grid, low[2]) - first) < margin_mm)
        low[2]--;
    while (high[2] + 1 < size[2] && fabs(ul_grid_offset_mm(grid, high[2]) - last) < margin_mm)
        high[2]++;
}

/* The box around the voxels of a label with its margin; false where there is no voxel. */
static bool find_box(
    const ul_labels *labels, unsigned number, double margin_mm, ul_region *region) {
    const size_t *size = labels->grid.size;
    const uint16_t *map = labels->map;
    size_t low[3] = {SIZE_MAX, SIZE_MAX, SIZE_MAX}, high[3] = {0}, at[3];
    for (at[2] = 0; at[2] < size[2]; at[2]++)
        for (at[1] = 0; at[1] < size[1]; at[1]++)
            for (at[0] = 0; at[0] < size[0]; at[0]++, map++)
                for (int a = 0; *map == number && a < 3; a++) {
                    low[a] = at[a] < low[a] ? at[a] : low[a];
                    high[a] = at[a] > high[a] ? at[a] : high[a];
                }
    if (low[0] == SIZE_MAX)
        return false;
    widen(&labels->grid, margin_mm, low, high);
    for (int a = 0; a < 3; a++) {
        region->first[a] = low[a];
        region->size[a] = high[a] - low[a] + 1;
    }
    return true;
}

/* Whether the model was made for slices of that size: what is larger is no such structure. */
static bool extent_fits(const ul_card *card, const double spacing_mm[2], const size_t size[2]) {
    bool fits = true;
    for (int a = 0; a < 2; a++) {
        double extent = spacing_mm[a] * (double)size[a];
        fits = fits && extent >= card->fov_mm[0] && extent <= card->fov_mm[1];
    }
    return fits;
}

/* The numbers of the localiser's classes that the card names, and their places. */
static void find_classes(const ul_localised *models, unsigned *numbers, size_t *places) {
    const ul_localiser *localiser = &models->card->localiser;
    const ul_segments *classes = &models->localiser_card->classes;
    for (size_t b = 0; b < localiser->class_count; b++)
        for (size_t n = 0; n < classes->count; n++)
            if (strcasecmp(classes->items[n].label, localiser->classes[b]) == 0) {
                numbers[b] = classes->items[n].number;
                places[b] = n;
            }
}

/* The box of a class along turned axes. */
static ul_status find_turned(const ul_localised *models, const ul_labels *labels, unsigned number,
    const pose *p, ul_located *at, found_box *box, ul_error *error) {
    double bounds[3][2], margin = models->card->localiser.margin_mm;
    if (!turned_bounds(labels, number, p->axis, bounds))
        return UL_OK;
    for (int a = 0; a < 3; a++) {
        bounds[a][0] -= margin;
        bounds[a][1] += margin;
    }
    ul_status status = turned_grid(
        p->axis, (const double(*)[2])bounds, models->card->spacing_mm[0], &box->grid, error);
    if (status != UL_OK)
        return status;
    box->turned = true;
    at->turned_degrees = p->degrees;
    at->found = turned_region(&box->grid, &labels->grid, &at->region) &&
                extent_fits(models->card, box->grid.spacing_mm, box->grid.size);
    return UL_OK;
}

/* Whether boxes can be turned: a card of one spacing that knows how an upright head lies, and
 * slices of which linear interpolation makes others. */
static bool can_turn(const ul_card *card, const ul_volume *volume) {
    const double *axis = card->localiser.axis, *spacing = card->spacing_mm;
    return (axis[0] != 0.0 || axis[1] != 0.0 || axis[2] != 0.0) && spacing[0] > 0.0 &&
           spacing[0] == spacing[1] && volume->channels == 1 &&
           volume->grid.stack == UL_STACK_REGULAR && volume->grid.size[2] > 1;
}

static ul_status locate(const ul_localised *models, const ul_volume *volume,
    const ul_labels *labels, const ul_segment_quality *quality, ul_located *located,
    found_box *boxes, ul_error *error) {
    const ul_localiser *localiser = &models->card->localiser;
    unsigned numbers[UL_LOCALISER_CLASSES] = {0};
    size_t places[UL_LOCALISER_CLASSES] = {0};
    pose p = {.degrees = 0.0};
    find_classes(models, numbers, places);
    if (can_turn(models->card, volume))
        p = pose_find(labels, numbers, localiser->class_count, localiser->axis);
    ul_status status = UL_OK;
    for (size_t b = 0; status == UL_OK && b < localiser->class_count; b++) {
        ul_located *at = &located[b];
        at->quality = quality[places[b]];
        if (p.degrees > LEAST_TURN)
            status = find_turned(models, labels, numbers[b], &p, at, &boxes[b], error);
        else
            at->found = find_box(labels, numbers[b], localiser->margin_mm, &at->region) &&
                        extent_fits(models->card, labels->grid.spacing_mm, at->region.size);
    }
    return status;
}

/* The localiser's progress under a name of its own. */
static bool report_localising(void *context, const char *stage, size_t done, size_t total) {
    (void)stage;
    return ul_progress_report(context, "localising", done, total);
}

static ul_status run_localiser(const ul_localised *models, const ul_volume *volume,
    const ul_segment_options *options, ul_located *located, found_box *boxes, ul_error *error) {
    const ul_progress own = {report_localising, (void *)(uintptr_t)options->progress};
    ul_segment_options inner = *options;
    ul_labels labels = {0};
    inner.fractions = false;
    inner.progress = &own;
    inner.quality_count = models->localiser_card->classes.count;
    inner.quality = calloc(models->localiser_card->classes.count + 1, sizeof *inner.quality);
    if (!inner.quality)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the localiser");
    ul_status status = ul_segment_volume(
        models->localiser, models->localiser_card, volume, &inner, &labels, error);
    if (status == UL_OK)
        status = locate(models, volume, &labels, inner.quality, located, boxes, error);
    ul_labels_free(&labels);
    free(inner.quality);
    size_t found = 0;
    for (size_t b = 0; b < models->card->localiser.class_count; b++)
        found += located[b].found;
    if (status == UL_OK && found == 0)
        status = ul_error_set(error, UL_ERROR_MODEL, "the localiser %s found no %s%s",
            models->localiser_card->name, models->card->localiser.classes[0],
            models->card->localiser.class_count > 1 ? " nor anything else that the model is for"
                                                    : "");
    return status;
}

/* Squared distance of a voxel from the centre of a box, mm2; slices by their step. */
static double distance(const ul_grid *grid, const ul_region *region, const size_t at[3]) {
    const double step[3] = {grid->spacing_mm[0], grid->spacing_mm[1], grid->median_step_mm};
    double sum = 0.0;
    for (int a = 0; a < 3; a++) {
        double centre = (double)region->first[a] + 0.5 * (double)(region->size[a] - 1);
        double off = step[a] * ((double)at[a] - centre);
        sum += off * off;
    }
    return sum;
}

/* The box among those before b that a voxel's label came from. */
static size_t owner(const ul_labels *whole, size_t voxel, size_t classes) {
    for (size_t n = 0; n < whole->segments.count; n++)
        if (whole->segments.items[n].number == whole->map[voxel])
            return n / classes;
    return 0;
}

/* Puts the labels of box b among those of the boxes before it, but where slices are missing. */
static void put(const ul_labels *part, const ul_located *located, size_t b, const ul_grid *slices,
    ul_labels *whole) {
    const size_t *size = whole->grid.size, classes = part->segments.count;
    const ul_region *region = &located[b].region;
    const unsigned offset =
        whole->segments.items[b * classes].number - part->segments.items[0].number;
    const size_t voxels = size[0] * size[1] * size[2];
    const size_t inner = region->size[0] * region->size[1] * region->size[2];
    for (size_t from = 0; from < inner; from++) {
        const size_t at[3] = {region->first[0] + from % region->size[0],
            region->first[1] + from / region->size[0] % region->size[1],
            region->first[2] + from / region->size[0] / region->size[1]};
        size_t to = (at[2] * size[1] + at[1]) * size[0] + at[0];
        if (slices && ul_grid_in_gap(slices, &whole->grid, at[2]))
            continue;
        for (size_t n = 0; whole->fractions && n < classes; n++)
            whole->fractions[(b * classes + n) * voxels + to] = part->fractions[n * inner + from];
        if (part->map[from] == 0)
            continue;
        if (whole->map[to] == 0 ||
            distance(&whole->grid, region, at) <
                distance(&whole->grid, &located[owner(whole, to, classes)].region, at))
            whole->map[to] = (uint16_t)(part->map[from] + offset);
    }
}

/* Labels of what one of the boxes holds, on its voxels, by way of turned slices. */
static ul_status segment_turned(const ul_localised *models, const ul_volume *volume,
    const ul_segment_options *options, const ul_grid *turned, const ul_grid *grid,
    ul_labels *labels, ul_error *error) {
    ul_volume upright;
    ul_labels inner = {0};
    ul_segment_options own = *options;
    own.slices = NULL; /* their gaps are no slices here */
    ul_status status = turned_volume(volume, turned, &upright, error);
    if (status != UL_OK)
        return status;
    status = ul_segment_volume(models->model, models->card, &upright, &own, &inner, error);
    if (status == UL_OK)
        status = turned_labels(&inner, grid, labels, error);
    ul_labels_free(&inner);
    ul_volume_free(&upright);
    return status;
}

static ul_status run_box(const ul_localised *models, const ul_volume *volume,
    const ul_segment_options *options, const ul_located *located, const found_box *boxes, size_t b,
    ul_labels *whole, ul_error *error) {
    ul_volume crop;
    ul_labels part = {0};
    ul_segment_options inner = *options;
    const size_t classes = models->card->classes.count;
    inner.quality = options->quality ? options->quality + b * classes : NULL;
    inner.quality_count = classes;
    ul_status status = ul_volume_crop(volume, &located[b].region, &crop, error);
    if (status != UL_OK)
        return status;
    if (boxes[b].turned)
        status = segment_turned(models, volume, &inner, &boxes[b].grid, &crop.grid, &part, error);
    else
        status = ul_segment_volume(models->model, models->card, &crop, &inner, &part, error);
    if (status == UL_OK)
        put(&part, located, b, options->slices, whole);
    for (size_t n = 0; status == UL_OK && n < whole->segments.count; n++)
        memcpy(whole->segments.items[n].algorithm_name, part.segments.items[0].algorithm_name,
            sizeof part.segments.items[0].algorithm_name);
    ul_labels_free(&part);
    ul_volume_free(&crop);
    return status;
}

/* Both models made the labels: their hash is that of both. */
static void name_models(const ul_localised *models, const ul_card *card, ul_labels *labels) {
    ul_provenance *provenance = &labels->provenance;
    const ul_model *const both[] = {models->model, models->localiser};
    ul_sha256 sha;
    uint8_t digest[32];
    ul_sha256_init(&sha);
    for (int n = 0; n < 2; n++) {
        char hash[UL_HASH_BYTES];
        ul_model_hash(both[n], hash);
        ul_sha256_update(&sha, hash, strlen(hash));
    }
    ul_sha256_final(&sha, digest);
    ul_sha256_hex(digest, provenance->model_hash);
    snprintf(provenance->note, sizeof provenance->note, "%s",
        card->trained ? "" : "Untrained model, for tests only. ");
}

/* What was not found is empty; what a doubtful class led to is doubtful. */
static void judge(const ul_localised *models, const ul_card *card, const ul_located *located,
    ul_segment_quality *quality) {
    for (size_t n = 0; n < card->classes.count; n++) {
        const ul_located *at = &located[n / models->card->classes.count];
        if (!at->found) {
            quality[n] = (ul_segment_quality){.range_ml = {NAN, NAN},
                .border = NAN,
                .pieces = NAN,
                .disagreement = NAN,
                .confidence = NAN,
                .flags = UL_QUALITY_EMPTY};
            for (int end = 0; card->volumes_ml && end < 2; end++)
                quality[n].range_ml[end] = card->volumes_ml[n][end];
        }
        quality[n].number = card->classes.items[n].number;
        if (!at->found || at->quality.flags)
            quality[n].flags |= UL_QUALITY_LOCALISER;
    }
}

ul_status ul_segment_localised(const ul_localised *models, const ul_card *card,
    const ul_volume *volume, const ul_segment_options *options, ul_located *located,
    ul_labels *labels, ul_error *error) {
    const size_t count = models->card->localiser.class_count;
    found_box boxes[UL_LOCALISER_CLASSES] = {{0}};
    memset(located, 0, count * sizeof *located);
    memset(labels, 0, sizeof *labels);
    ul_status status = run_localiser(models, volume, options, located, boxes, error);
    if (status == UL_OK)
        status = ul_labels_create(&volume->grid, &card->classes, options->fractions, labels, error);
    for (size_t b = 0; status == UL_OK && b < count; b++)
        if (located[b].found)
            status = run_box(models, volume, options, located, boxes, b, labels, error);
    for (size_t b = 0; b < count; b++)
        ul_grid_free(&boxes[b].grid);
    if (status == UL_OK && options->quality)
        judge(models, card, located, options->quality);
    if (status == UL_OK)
        name_models(models, card, labels);
    if (status != UL_OK)
        ul_labels_free(labels);
    return status;
}
