#include "io/base/notes.h"
#include "io/nrrd/read.h"
#include "io/nrrd/segments.h"
#include "libulite/base/resources.h"
#include "volume/label_values.h"

#include <stdlib.h>
#include <string.h>

/* All layers of a file, as numbers. */
typedef struct layer_set {
    ul_labels
        whole; /* of a volume that is as many times as wide, or as deep, as there are layers */
    size_t count, voxels;
    bool interleaved;
} layer_set;

static uint16_t value_at(const layer_set *layers, size_t layer, size_t voxel) {
    return layers->interleaved ? layers->whole.map[voxel * layers->count + layer]
                               : layers->whole.map[layer * layers->voxels + voxel];
}

static ul_status read_layers(
    const char *path, const nrrd_header *header, layer_set *layers, ul_error *error) {
    nrrd_header flat = *header;
    ul_volume volume;
    memset(layers, 0, sizeof *layers);
    layers->count = header->others;
    layers->interleaved = header->other_axis == 0;
    if (__builtin_mul_overflow(flat.size[layers->interleaved ? 0 : 2], header->others,
            &flat.size[layers->interleaved ? 0 : 2]))
        return ul_error_set(error, UL_ERROR_INPUT, "%s: the sizes in its header overflow", path);
    flat.others = 1;
    flat.other_axis = NRRD_NO_AXIS;
    flat.placed = false;
    ul_status status = nrrd_read_frame(path, &flat, 0, &volume, error);
    if (status != UL_OK)
        return status;
    layers->voxels = header->size[0] * header->size[1] * header->size[2];
    status = labels_from_volume(&volume, &layers->whole, error);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    ul_volume_free(&volume);
    return status;
}

/* Numbers the segments by their label values, or, where two share one, by their order. */
static void number_segments(const nrrd_segments *found, ul_segment *items, char **notes) {
    bool taken[UINT16_MAX + 1] = {false}, shared = false;
    for (size_t s = 0; !shared && s < found->count; s++) {
        shared = taken[found->items[s].segment.number];
        taken[found->items[s].segment.number] = true;
    }
    for (size_t s = 0; s < found->count; s++) {
        items[s] = found->items[s].segment;
        if (shared)
            items[s].number = (unsigned)s + 1;
    }
    if (shared)
        notes_add(notes,
            "segments of several layers share label values: they are numbered by their "
            "order, 1 to %zu",
            found->count);
}

/* The segment of a label value in a layer, from 1; 0: none has it. *index [layer][value], the
 * caller's. */
static ul_status index_segments(
    const nrrd_segments *found, size_t layer_count, uint16_t **index, ul_error *error) {
    ul_status status = ul_memory_ask(layer_count * (UINT16_MAX + 1) * sizeof **index, error,
        "the segments of %zu layers", layer_count);
    if (status != UL_OK)
        return status;
    *index = calloc(layer_count * (UINT16_MAX + 1), sizeof **index);
    if (!*index)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the segments");
    for (size_t s = 0; s < found->count; s++)
        (*index)[found->items[s].layer * (UINT16_MAX + 1) + found->items[s].segment.number] =
            (uint16_t)(s + 1);
    return UL_OK;
}

/* Fills map, and fractions where there are any; how often a voxel belongs to a further segment. */
static ul_status fill(const layer_set *layers, const uint16_t *index, ul_labels *labels,
    size_t *shared, ul_error *error) {
    *shared = 0;
    for (size_t layer = 0; layer < layers->count; layer++)
        for (size_t v = 0; v < layers->voxels; v++) {
            uint16_t value = value_at(layers, layer, v);
            if (value == 0)
                continue;
            size_t s = index[layer * (UINT16_MAX + 1) + value];
            if (s-- == 0)
                return ul_error_set(error, UL_ERROR_INPUT,
                    "layer %zu holds label %u, which no segment has", layer, value);
            uint16_t number = (uint16_t)labels->segments.items[s].number;
            *shared += labels->map[v] != 0 && !labels->fractions;
            if (labels->map[v] < number)
                labels->map[v] = number;
            if (labels->fractions)
                labels->fractions[s * layers->voxels + v] = 255;
        }
    return UL_OK;
}

/* Labels on the grid of the header, with what the keys say of segments. */
static ul_status place(const nrrd_header *header, const nrrd_segments *found,
    const layer_set *layers, ul_labels *labels, char **notes, ul_error *error) {
    ul_grid grid = {0};
    size_t shared = 0;
    ul_segments segments = {found->count, calloc(found->count + 1, sizeof *segments.items)};
    uint16_t *index = NULL;
    ul_status status = nrrd_grid(header, &grid, error);
    if (status == UL_OK && !segments.items)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the segments");
    if (status == UL_OK)
        status = index_segments(found, layers->count, &index, error);
    if (status == UL_OK) {
        number_segments(found, segments.items, notes);
        status = ul_labels_create(&grid, &segments, false, labels, error);
    }
    if (status == UL_OK)
        status = fill(layers, index, labels, &shared, error);
    if (status == UL_OK && shared > 0) {
        notes_add_overlap(notes, shared);
        ul_labels_free(labels);
        status = ul_labels_create(&grid, &segments, true, labels, error);
        if (status == UL_OK)
            status = fill(layers, index, labels, &shared, error);
    }
    if (status != UL_OK)
        ul_labels_free(labels);
    ul_grid_free(&grid);
    ul_segments_free(&segments);
    free(index);
    return status;
}

/* Of a file that says nothing of segments: its numbers. */
static ul_status read_numbers(
    const char *path, const nrrd_header *header, ul_labels *labels, ul_error *error) {
    ul_volume volume;
    if (header->others > 1)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: the file holds %zu volumes, a label volume has one", path, header->others);
    ul_status status = nrrd_read_frame(path, header, 0, &volume, error);
    if (status != UL_OK)
        return status;
    status = labels_from_volume(&volume, labels, error);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    ul_volume_free(&volume);
    return status;
}

/* Gives labels of one layer that no key describes a segment of their number. */
static ul_status add_missing(const layer_set *layers, nrrd_segments *found, ul_error *error) {
    if (layers->count > 1)
        return UL_OK;
    const ul_segments *occur = &layers->whole.segments;
    nrrd_segment *items = realloc(found->items, (found->count + occur->count + 1) * sizeof *items);
    if (!items)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the segments");
    found->items = items;
    size_t described = found->count;
    for (size_t s = 0; s < occur->count; s++) {
        bool known = false;
        for (size_t d = 0; d < described && !known; d++)
            known = items[d].segment.number == occur->items[s].number;
        if (!known)
            items[found->count++] = (nrrd_segment){occur->items[s], 0};
    }
    return UL_OK;
}

ul_status ul_nrrd_read_labels(const char *path, ul_labels *labels, char **notes, ul_error *error) {
    nrrd_header header;
    nrrd_segments found = {0};
    layer_set layers = {0};
    memset(labels, 0, sizeof *labels);
    if (notes)
        *notes = NULL;
    ul_status status = nrrd_header_read(path, &header, notes, error);
    if (status != UL_OK)
        return status;
    status = nrrd_segments_read(&header, &found, error);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    if (status == UL_OK && found.count == 0) {
        status = read_numbers(path, &header, labels, error);
    } else if (status == UL_OK) {
        status = read_layers(path, &header, &layers, error);
        if (status == UL_OK) {
            status = add_missing(&layers, &found, error);
            if (status == UL_OK)
                status = place(&header, &found, &layers, labels, notes, error);
            if (status != UL_OK)
                ul_error_prefix(error, "%s", path);
        }
        ul_labels_free(&layers.whole);
    }
    free(found.items);
    nrrd_header_free(&header);
    if (status != UL_OK && notes) {
        free(*notes);
        *notes = NULL;
    }
    return status;
}

bool ul_nrrd_probe_labels(const char *path) {
    nrrd_header header;
    if (nrrd_header_read(path, &header, NULL, NULL) != UL_OK)
        return false;
    bool labels = nrrd_header_value(&header, "Segment0_ID");
    nrrd_header_free(&header);
    return labels;
}
