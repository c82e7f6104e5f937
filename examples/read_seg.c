/* What a DICOM Segmentation holds, on the slices of its images: read_seg SEG.dcm FOLDER */
#include <stdio.h>
#include <stdlib.h>
#include <ulite.h>

static ul_status print_segments(const ul_labels *labels, ul_error *error) {
    const size_t count = labels->segments.count;
    ul_segment_stats *stats = calloc(count + 1, sizeof *stats);
    if (!stats)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    ul_status status = ul_stats_measure(NULL, labels, NULL, stats, count, error);
    for (size_t s = 0; status == UL_OK && s < count; s++)
        printf("%u %s: %zu voxels, %.4g mL\n", stats[s].number, labels->segments.items[s].label,
            stats[s].voxels, stats[s].volume_ml);
    free(stats);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fputs("usage: read_seg SEG.dcm FOLDER\n", stderr);
        return UL_ERROR_USAGE;
    }
    ul_error error = {0};
    ul_catalog *catalog = NULL;
    const ul_series *source = NULL;
    ul_labels labels = {0};
    if (ul_catalog_open(argv[2], NULL, &catalog, &error) == UL_OK &&
        ul_seg_find_source(argv[1], catalog, &source, &error) == UL_OK &&
        ul_seg_read(argv[1], source, &labels, NULL, &error) == UL_OK)
        print_segments(&labels, &error);
    ul_labels_free(&labels);
    ul_catalog_close(catalog);
    if (error.status != UL_OK)
        fprintf(stderr, "%s\n", error.text);
    return (int)error.status;
}
