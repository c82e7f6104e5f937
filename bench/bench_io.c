/* Times the image readers and writers on a real folder: prints one JSON object.
 *
 *     bench-io series FOLDER            scan, sort and decode its one volume
 *     bench-io seg FOLDER OUT.dcm N     write N segments on every slice, read back, compare
 */
#include "ulite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int fail(const ul_error *error) {
    fprintf(stderr, "bench-io: %s\n", error->text);
    return (int)error->status;
}

static ul_status open_one(const char *folder, ul_catalog **catalog, ul_error *error) {
    if (ul_catalog_open(folder, NULL, catalog, error) != UL_OK)
        return error->status;
    if (ul_catalog_size(*catalog) != 1)
        return ul_error_set(error, UL_ERROR_CHOICE, "%s: %zu volumes, expected one", folder,
            ul_catalog_size(*catalog));
    return UL_OK;
}

static ul_status bench_series(const char *folder, ul_error *error) {
    double start = now_ms();
    ul_catalog *catalog = NULL;
    ul_volume volume = {0};
    if (open_one(folder, &catalog, error) == UL_OK) {
        double scanned = now_ms();
        if (ul_series_read(ul_catalog_at(catalog, 0), 0, NULL, &volume, error) == UL_OK) {
            double read = now_ms();
            printf("{\"columns\": %zu, \"rows\": %zu, \"slices\": %zu, \"scan_ms\": %.1f, "
                   "\"decode_ms\": %.1f, \"total_ms\": %.1f}\n",
                volume.grid.size[0], volume.grid.size[1], volume.grid.size[2], scanned - start,
                read - scanned, read - start);
        }
    }
    ul_volume_free(&volume);
    ul_catalog_close(catalog);
    return error->status;
}

/* Discs of the segments side by side, one of each on every slice, that wander from slice to slice.
 */
static void draw(ul_labels *labels) {
    const size_t *size = labels->grid.size;
    size_t count = labels->segments.count;
    for (size_t k = 0; k < size[2]; k++)
        for (size_t s = 0; s < count; s++) {
            double radius = (double)size[0] / (double)(2 * count) - 2;
            double x0 = ((double)s + 0.5) * (double)size[0] / (double)count;
            double y0 = radius + (double)k / (double)size[2] * ((double)size[1] - 2 * radius);
            for (size_t j = 0; j < size[1]; j++)
                for (size_t i = 0; i < size[0]; i++) {
                    double x = (double)i - x0, y = (double)j - y0;
                    if (x * x + y * y < radius * radius)
                        labels->map[(k * size[1] + j) * size[0] + i] = (uint16_t)(s + 1);
                }
        }
}

static void name_segments(ul_segments *segments) {
    for (size_t s = 0; s < segments->count; s++) {
        ul_segment *one = &segments->items[s];
        one->number = (unsigned)s + 1;
        snprintf(one->label, sizeof one->label, "Disc %zu", s + 1);
        one->category =
            (ul_code){.value = "123037004", .scheme = "SCT", .meaning = "Anatomical Structure"};
        one->type = (ul_code){.value = "85756007", .scheme = "SCT", .meaning = "Tissue"};
        one->rgb[0] = (uint8_t)(60 * s + 60);
        strcpy(one->algorithm_type, "AUTOMATIC");
        strcpy(one->algorithm_name, "bench-io");
    }
}

static ul_status bench_seg(const char *folder, const char *out, size_t count, ul_error *error) {
    ul_catalog *catalog = NULL;
    ul_labels labels = {0};
    ul_segments segments = {count, calloc(count, sizeof(ul_segment))};
    if (!segments.items)
        return ul_error_set(error, UL_ERROR_LIMIT, "no memory for %zu segments", count);
    name_segments(&segments);
    if (open_one(folder, &catalog, error) == UL_OK) {
        const ul_series *series = ul_catalog_at(catalog, 0);
        ul_seg_options options;
        ul_seg_options_init(&options);
        options.type = UL_SEG_BINARY; /* a frame for each segment and slice, however many */
        if (ul_labels_create(ul_series_grid(series), &segments, false, &labels, error) == UL_OK) {
            draw(&labels);
            double start = now_ms();
            if (ul_seg_write(out, &labels, series, &options, error) == UL_OK)
                printf("{\"frames\": %zu, \"total_ms\": %.1f}\n", count * labels.grid.size[2],
                    now_ms() - start);
        }
    }
    ul_labels_free(&labels);
    ul_segments_free(&segments);
    ul_catalog_close(catalog);
    return error->status;
}

int main(int argc, char **argv) {
    ul_error error = {0};
    if (argc == 3 && strcmp(argv[1], "series") == 0)
        return bench_series(argv[2], &error) == UL_OK ? 0 : fail(&error);
    if (argc == 5 && strcmp(argv[1], "seg") == 0 && atoi(argv[4]) > 0)
        return bench_seg(argv[2], argv[3], (size_t)atoi(argv[4]), &error) == UL_OK ? 0
                                                                                   : fail(&error);
    fputs("usage: bench-io series FOLDER | bench-io seg FOLDER OUT.dcm SEGMENTS\n", stderr);
    return 2;
}
