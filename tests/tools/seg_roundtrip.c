/* seg_roundtrip FOLDER OUT.dcm [auto|binary|fractional|labelmap|rle|empty]: labels every series of
 * a folder with a shape that no flip or exchange of axes maps onto itself, writes the first series
 * as a SEG, reads it back with and without the source, and prints where each label lies as JSON,
 * for the comparison with other readers. */
#include "ulite/seg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers with gaps, in no order; the third never occurs. */
static const unsigned numbers[] = {9, 1, 4};

static ul_status check(bool right, const char *what, ul_error *error) {
    return right ? UL_OK : ul_error_set(error, UL_ERROR_INTERNAL, "%s", what);
}

static void make_segments(ul_segment segments[3]) {
    static const uint8_t colours[3][3] = {{3, 2, 9}, {250, 10, 20}, {40, 200, 90}};
    for (size_t s = 0; s < 3; s++) {
        ul_segment_init(&segments[s], numbers[s]);
        snprintf(segments[s].label, sizeof segments[s].label, "Teil \xC3\xA4 %u", numbers[s]);
        memcpy(segments[s].rgb, colours[s], 3);
    }
}

/* Segment 9: an L in the low corner of the first slices; segment 1: a bar that grows with k. Slice
 * 2 stays empty where there are more than four. */
static unsigned label_at(const size_t size[3], size_t i, size_t j, size_t k) {
    if (size[2] > 4 && k == 2)
        return 0;
    size_t u = i * 16 / size[0], v = j * 16 / size[1];
    if (k * 2 <= size[2] && ((u >= 2 && u < 4 && v >= 1 && v < 9) || (v == 1 && u < 8 && u >= 2)))
        return 9;
    return v >= 10 && v < 13 && u >= 5 && u < 8 + k * 6 / size[2] ? 1 : 0;
}

static void fill(ul_labels *labels, bool empty) {
    const size_t *size = labels->grid.size;
    size_t voxels = size[0] * size[1] * size[2], v = 0;
    for (size_t k = 0; k < size[2]; k++)
        for (size_t j = 0; j < size[1]; j++)
            for (size_t i = 0; i < size[0]; i++, v++) {
                unsigned label = empty ? 0 : label_at(size, i, j, k);
                labels->map[v] = (uint16_t)label;
                if (labels->fractions)
                    for (size_t s = 0; s < 3; s++)
                        labels->fractions[s * voxels + v] =
                            label == numbers[s] ? (uint8_t)(128 + (i + j + k) % 128) : 0;
            }
}

static void print_truth(const ul_labels *labels, const char *sop_class) {
    const ul_grid *grid = &labels->grid;
    printf("{\"stack\": %d, \"placed\": %s, \"class\": \"%s\", \"segments\": [", grid->stack,
        grid->origin_mm ? "true" : "false", sop_class);
    for (size_t s = 0; s < labels->segments.count; s++) {
        const ul_segment *segment = &labels->segments.items[s];
        printf("%s{\"number\": %u, \"label\": \"%s\", \"rgb\": [%d, %d, %d], \"voxels\": [",
            s ? ", " : "", segment->number, segment->label, segment->rgb[0], segment->rgb[1],
            segment->rgb[2]);
        bool first = true;
        size_t v = 0;
        for (size_t k = 0; k < grid->size[2]; k++)
            for (size_t j = 0; j < grid->size[1]; j++)
                for (size_t i = 0; i < grid->size[0]; i++, v++) {
                    if (labels->map[v] != segment->number)
                        continue;
                    double at[3] = {(double)i, (double)j, (double)k}; /* unplaced: the indices */
                    for (int c = 0; grid->origin_mm && c < 3; c++)
                        at[c] = grid->origin_mm[k][c] +
                                (double)i * grid->spacing_mm[0] * grid->axis_i[c] +
                                (double)j * grid->spacing_mm[1] * grid->axis_j[c];
                    printf("%s[%.4f, %.4f, %.4f]", first ? "" : ", ", at[0], at[1], at[2]);
                    first = false;
                }
        printf("]}");
    }
    printf("]}\n");
}

static ul_status compare(const ul_labels *written, const ul_labels *read, ul_error *error) {
    size_t voxels = written->grid.size[0] * written->grid.size[1] * written->grid.size[2];
    ul_status status =
        check(memcmp(written->grid.size, read->grid.size, sizeof read->grid.size) == 0,
            "another size came back", error);
    if (status == UL_OK)
        status = check(memcmp(written->map, read->map, voxels * sizeof *read->map) == 0,
            "other labels came back", error);
    if (status == UL_OK)
        status = check(read->segments.count == 3, "other segments came back", error);
    for (size_t s = 0; status == UL_OK && s < 3; s++) {
        const ul_segment *segment = ul_segments_find(&read->segments, numbers[s]);
        const ul_segment *before = ul_segments_find(&written->segments, numbers[s]);
        status = check(segment && strcmp(segment->label, before->label) == 0 &&
                           strcmp(segment->type.value, before->type.value) == 0 &&
                           memcmp(segment->rgb, before->rgb, 3) == 0,
            "a segment came back changed", error);
        for (size_t v = 0; status == UL_OK && written->fractions && v < voxels; v++) {
            size_t at = (size_t)(segment - read->segments.items);
            status = check(written->fractions[s * voxels + v] == read->fractions[at * voxels + v],
                "other fractions came back", error);
        }
    }
    return status;
}

/* Without the source: every labelled voxel of the frames' own grid lies where a voxel of the same
 * label was written, and there are as many. */
static ul_status compare_places(const ul_labels *written, const ul_labels *read, ul_error *error) {
    const ul_grid *a = &written->grid, *b = &read->grid;
    size_t pixels = a->size[0] * a->size[1], set[2] = {0, 0};
    for (size_t v = 0; v < pixels * a->size[2]; v++)
        set[0] += written->map[v] != 0;
    for (size_t k = 0; k < b->size[2]; k++) {
        size_t same = 0; /* the slice of a at the place of slice k of b */
        while (b->origin_mm && same < a->size[2]) {
            double miss = 0;
            for (int c = 0; c < 3; c++)
                miss += (a->origin_mm[same][c] - b->origin_mm[k][c]) *
                        (a->origin_mm[same][c] - b->origin_mm[k][c]);
            if (miss < 1e-4)
                break;
            same++;
        }
        for (size_t v = 0; v < pixels; v++) {
            if (!read->map[k * pixels + v])
                continue;
            set[1]++;
            if (b->origin_mm && (same == a->size[2] ||
                                    read->map[k * pixels + v] != written->map[same * pixels + v]))
                return check(false, "a label came back at another place", error);
        }
    }
    return check(set[0] == set[1], "another number of voxels came back", error);
}

static ul_status run(const ul_series *series, const char *path, const char *kind, ul_error *error) {
    ul_segment items[3];
    make_segments(items);
    ul_segments segments = {3, items};
    ul_labels written = {0}, read = {0};
    ul_seg_options options;
    ul_seg_options_init(&options);
    options.rle = strcmp(kind, "rle") == 0;
    options.type = strcmp(kind, "fractional") == 0 ? UL_SEG_FRACTIONAL
                   : strcmp(kind, "labelmap") == 0 ? UL_SEG_LABELMAP
                   : strcmp(kind, "binary") == 0   ? UL_SEG_BINARY
                                                   : UL_SEG_AUTO;
    bool fractions = options.type == UL_SEG_FRACTIONAL;
    char *notes = NULL, *read_notes = NULL;
    options.notes = &notes;
    ul_status status =
        ul_labels_create(ul_series_grid(series), &segments, fractions, &written, error);
    if (status == UL_OK) {
        fill(&written, strcmp(kind, "empty") == 0);
        status = ul_seg_write(path, &written, series, &options, error);
    }
    if (status == UL_OK)
        status = ul_seg_read(path, series, &read, &read_notes, error);
    if (status == UL_OK)
        status = check(!read_notes, read_notes ? read_notes : "", error);
    if (status == UL_OK)
        status = compare(&written, &read, error);
    ul_labels_free(&read);
    free(read_notes);
    if (status == UL_OK)
        status = ul_seg_read(path, NULL, &read, NULL, error);
    if (status == UL_OK)
        status = compare_places(&written, &read, error);
    if (status == UL_OK)
        print_truth(&written, ul_series_instance(series, 0)->sop_class_uid);
    if (notes)
        fprintf(stderr, "%s\n", notes);
    free(notes);
    ul_labels_free(&read);
    ul_labels_free(&written);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 3)
        return UL_ERROR_USAGE;
    ul_catalog *catalog = NULL;
    ul_error error = {0};
    ul_status status = ul_catalog_open(argv[1], NULL, &catalog, &error);
    if (status == UL_OK)
        status = run(ul_catalog_at(catalog, 0), argv[2], argc > 3 ? argv[3] : "binary", &error);
    ul_catalog_close(catalog);
    if (status != UL_OK)
        fprintf(stderr, "%s\n", error.text);
    return (int)status;
}
