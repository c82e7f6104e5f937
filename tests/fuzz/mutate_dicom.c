#define _GNU_SOURCE
/* Deflated data sets of DICOM files stay valid. */
#include "mutate.h"

#include <string.h>

/* Where the data set begins, after the meta header, whose length its first element tells. */
static size_t data_set(const uint8_t *data, size_t size) {
    if (size < 144 || memcmp(data + 128, "DICM", 4) != 0)
        return 0;
    size_t length = data[140] | (size_t)data[141] << 8;
    return 144 + length < size ? 144 + length : 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
    static const char deflated[] = "1.2.840.10008.1.2.1.99";
    static const int raw = -15;
    size_t start = data_set(data, size), changed = 0;
    if (start && seed % 8 && memmem(data, start, deflated, sizeof deflated - 1))
        changed = mutate_stream(data + start, size - start, max_size - start, raw);
    return changed ? start + changed : LLVMFuzzerMutate(data, size, max_size);
}
