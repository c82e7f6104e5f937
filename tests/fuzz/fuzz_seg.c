/* The reader and the checker of DICOM Segmentations on any bytes. */
#include "ulite/seg.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[] = "/tmp/ulite_fuzz_XXXXXX";
    int file = mkstemp(path);
    if (file < 0)
        abort();
    ssize_t written = write(file, data, size);
    close(file);
    if (written != (ssize_t)size)
        abort();
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
    unlink(path);
    return 0;
}
