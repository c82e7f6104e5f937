/* The reader and the checker of DICOM Segmentations on any bytes as one file. */
#include "ulite/seg.h"

#include "fuzz_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_BYTES];
    fuzz_write_file(data, size, ".dcm", path);
    ul_error error = {0};
    ul_labels labels;
    char *notes = NULL;
    if (ul_seg_read(path, NULL, &labels, &notes, &error) == UL_OK)
        ul_labels_free(&labels);
    free(notes);
    ul_seg_finding *findings = NULL;
    size_t count;
    ul_error other = {0};
    (void)ul_seg_verify(path, NULL, &findings, &count, &other);
    free(findings);
    return 0;
}
