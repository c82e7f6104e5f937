/* The reader and the checker of DICOM Segmentations against their source, whose images lie in
 * tests/fuzz/source: the choice of the volume, labels on its grid, references. */
#include "ulite/seg.h"

#include "fuzz_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ul_catalog *source;
    static const char *const folder = FUZZ_SOURCE;
    char path[FUZZ_PATH_BYTES], *notes = NULL;
    ul_error errors[3] = {{0}};
    if (!source)
        fuzz_check(ul_catalog_open(
                       folder, &(ul_catalog_options){.threads = 1}, &source, &errors[0]) == UL_OK);
    fuzz_write_file(data, size, ".dcm", path);
    const ul_series *series = NULL;
    fuzz_check_error(ul_seg_find_source(path, source, &series, &errors[0]), &errors[0]);
    ul_labels labels;
    ul_status status = ul_seg_read(path, ul_catalog_at(source, 0), &labels, &notes, &errors[1]);
    fuzz_check_error(status, &errors[1]);
    if (status == UL_OK)
        ul_labels_free(&labels);
    free(notes);
    ul_seg_finding *findings = NULL;
    size_t count;
    fuzz_check_error(ul_seg_verify(path, source, &findings, &count, &errors[2]), &errors[2]);
    free(findings);
    return 0;
}
