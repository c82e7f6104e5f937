/* The NIfTI reader on any bytes as one file: as a volume and as labels. */
#include "ulite/nifti.h"

#include "fuzz_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool compressed = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    char path[FUZZ_PATH_BYTES];
    fuzz_write_file(data, size, compressed ? ".nii.gz" : ".nii", path);
    ul_error error = {0}, failure = {0};
    ul_volume volume;
    ul_nifti_header *header = NULL;
    char *notes = NULL;
    if (ul_nifti_read(path, 0, &volume, &header, &notes, &error) == UL_OK)
        ul_volume_free(&volume);
    else
        fuzz_check(fuzz_one_line(error.text));
    ul_nifti_header_free(header);
    free(notes);
    ul_labels labels;
    if (ul_nifti_read_labels(path, &labels, NULL, &failure) == UL_OK)
        ul_labels_free(&labels);
    else
        fuzz_check(fuzz_one_line(failure.text));
    return 0;
}
