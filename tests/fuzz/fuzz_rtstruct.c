/* The reader of RT Structure Sets on the images of tests/fuzz/source. */
#include "ulite/rtstruct.h"

#include "fuzz_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ul_catalog *source;
    char path[FUZZ_PATH_BYTES], *notes = NULL;
    ul_error errors[2] = {{0}};
    if (!source)
        fuzz_check(ul_catalog_open(FUZZ_SOURCE, &(ul_catalog_options){.threads = 1}, &source,
                       &errors[0]) == UL_OK);
    fuzz_write_file(data, size, ".dcm", path);
    ul_rtstruct_probe(path);
    ul_labels labels;
    ul_status status =
        ul_rtstruct_read(path, ul_catalog_at(source, 0), &labels, &notes, &errors[1]);
    fuzz_check_error(status, &errors[1]);
    if (status == UL_OK)
        ul_labels_free(&labels);
    free(notes);
    return 0;
}
