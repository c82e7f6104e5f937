/* The NRRD reader on any bytes as one file: as a volume and as labels. */
#include "ulite/nrrd.h"

#include "fuzz_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_BYTES];
    fuzz_write_file(data, size, ".nrrd", path);
    ul_error error = {0}, failure = {0};
    ul_volume volume;
    char *notes = NULL;
    if (ul_nrrd_read(path, 0, &volume, &notes, &error) == UL_OK)
        ul_volume_free(&volume);
    else
        fuzz_check(fuzz_one_line(error.text));
    free(notes);
    ul_labels labels;
    if (ul_nrrd_read_labels(path, &labels, &notes, &failure) == UL_OK)
        ul_labels_free(&labels);
    else
        fuzz_check(fuzz_one_line(failure.text));
    free(notes);
    return 0;
}
