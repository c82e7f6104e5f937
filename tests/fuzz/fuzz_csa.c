/* The private CSA header of Siemens. */
#include "io/dicom/csa.h"

#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    csa_header header;
    (void)csa_read(data, size, &header);
    return 0;
}
