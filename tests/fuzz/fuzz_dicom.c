/* The DICOM reader on any bytes as one file: listed, and every series of it read. */
#include "ulite/dicom.h"

#include "fuzz_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A small file may rightly declare a large volume; the fuzzer has no memory for it. */
static bool is_small(const ul_series *series) {
    const ul_grid *grid = ul_series_grid(series);
    double voxels = (double)grid->size[0] * (double)grid->size[1] * (double)grid->size[2];
    return voxels <= 1 << 20;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_BYTES];
    fuzz_write_file(data, size, ".dcm", path);
    ul_error error = {0};
    ul_catalog *catalog;
    ul_status status = ul_catalog_open(path, NULL, &catalog, &error);
    fuzz_check(status == UL_OK ? catalog != NULL : !catalog && fuzz_one_line(error.text));
    for (size_t s = 0; catalog && s < ul_catalog_size(catalog); s++) {
        const ul_series *series = ul_catalog_at(catalog, s);
        ul_volume volume;
        ul_error failure = {0};
        if (is_small(series) && ul_series_read(series, 1, NULL, &volume, &failure) == UL_OK)
            ul_volume_free(&volume);
        else
            fuzz_check(!is_small(series) || fuzz_one_line(failure.text));
    }
    ul_catalog_close(catalog);
    return 0;
}
