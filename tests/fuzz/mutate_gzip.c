/* gzip files stay valid. */
#include "mutate.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
    static const int gzip = 31;
    size_t changed = 0;
    if (size > 2 && data[0] == 0x1f && data[1] == 0x8b && seed % 8)
        changed = mutate_stream(data, size, max_size, gzip);
    return changed ? changed : LLVMFuzzerMutate(data, size, max_size);
}
