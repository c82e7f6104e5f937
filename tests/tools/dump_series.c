/* dump_series PATH... [-s INDEX] [-o FILE]: what the DICOM reader makes of folders and files, for
 * the comparison tests. Prints one JSON object per series, and one for the catalog; with -s and -o,
 * writes the samples of one series as they lie in memory and prints its rescaling as well. */
#include "ulite/dicom.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_text(const char *name, const char *text) {
    printf("\"%s\": \"", name);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\' || *c < 0x20)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    printf("\", ");
}

static void print_grid(const ul_grid *grid) {
    printf("\"size\": [%zu, %zu, %zu], \"stack\": %d, \"spacing\": [%.17g, %.17g], ", grid->size[0],
        grid->size[1], grid->size[2], grid->stack, grid->spacing_mm[0], grid->spacing_mm[1]);
    printf("\"thickness\": %.17g, \"axes\": [", grid->thickness_mm);
    for (int c = 0; c < 6; c++)
        printf("%s%.17g", c ? ", " : "", c < 3 ? grid->axis_i[c] : grid->axis_j[c - 3]);
    printf("], \"origins\": [");
    for (size_t k = 0; grid->origin_mm && k < grid->size[2]; k++)
        printf("%s[%.17g, %.17g, %.17g]", k ? ", " : "", grid->origin_mm[k][0],
            grid->origin_mm[k][1], grid->origin_mm[k][2]);
    printf("], ");
}

static void print_series(const ul_series *series) {
    const ul_series_info *info = ul_series_get_info(series);
    printf("{\"number\": %d, ", info->series_number);
    print_text("series_uid", info->series_uid);
    print_text("modality", info->modality);
    print_text("description", info->description);
    print_text("split", info->split);
    print_text("syntax", info->transfer_syntax_uid);
    print_grid(ul_series_grid(series));
    printf("\"channels\": %zu, \"multi_frame\": %s, \"mosaic\": %s, ", ul_series_channels(series),
        info->multi_frame ? "true" : "false", info->mosaic ? "true" : "false");
    ul_error error = {0};
    printf("\"check\": %d, ", ul_series_check(series, &error));
    print_text("problem", error.text);
    printf("\"notes\": {");
    for (size_t n = 0; n < info->note_count; n++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", n);
        print_text(name, info->notes[n]);
    }
    printf("\"count\": %zu}, \"instances\": [", info->note_count);
    for (size_t k = 0; k < ul_series_grid(series)->size[2]; k++) {
        const ul_instance *instance = ul_series_instance(series, k);
        printf("%s{", k ? ", " : "");
        print_text("path", instance->path);
        printf("\"frame\": %u}", instance->frame);
    }
    printf("]}\n");
}

static int dump(const ul_series *series, const char *path) {
    ul_volume volume;
    ul_error error = {0};
    if (ul_series_read(series, 0, NULL, &volume, &error) != UL_OK) {
        fprintf(stderr, "%s\n", error.text);
        return (int)error.status;
    }
    static const char *const names[] = {"u1", "i1", "u2", "i2", "i4", "u4", "f4", "f8"};
    size_t slices = volume.grid.size[2];
    size_t samples = slices * volume.grid.size[0] * volume.grid.size[1] * volume.channels;
    printf("{\"sample\": \"%s\", \"channels\": %zu, \"padding\": [", names[volume.sample],
        volume.channels);
    if (volume.has_padding)
        printf("%.17g, %.17g", volume.padding_low, volume.padding_high);
    printf("], \"rescale\": [");
    for (size_t k = 0; k < slices; k++)
        printf("%s[%.17g, %.17g]", k ? ", " : "", volume.slope[k], volume.intercept[k]);
    printf("]}\n");
    FILE *file = path ? fopen(path, "wb") : NULL;
    bool written =
        file && fwrite(volume.samples, ul_sample_bytes(volume.sample), samples, file) == samples;
    if (file && fclose(file) != 0)
        written = false;
    ul_volume_free(&volume);
    return written || !path ? 0 : UL_ERROR_OUTPUT;
}

int main(int argc, char **argv) {
    const char *output = NULL;
    size_t chosen = SIZE_MAX;
    for (int option; (option = getopt(argc, argv, "s:o:")) != -1;) {
        if (option == 's')
            chosen = strtoul(optarg, NULL, 10);
        else if (option == 'o')
            output = optarg;
        else
            return UL_ERROR_USAGE;
    }
    ul_catalog *catalog;
    ul_error error = {0};
    if (ul_catalog_open_all((const char *const *)(argv + optind), (size_t)(argc - optind), NULL,
            &catalog, &error) != UL_OK) {
        fprintf(stderr, "%s\n", error.text);
        return (int)error.status;
    }
    int result = 0;
    for (size_t s = 0; s < ul_catalog_size(catalog); s++)
        if (chosen == SIZE_MAX || s == chosen)
            print_series(ul_catalog_at(catalog, s));
    if (chosen < ul_catalog_size(catalog))
        result = dump(ul_catalog_at(catalog, chosen), output);
    ul_catalog_close(catalog);
    return result;
}
