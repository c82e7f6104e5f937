/* Segments files, ours and dcmqi's: what is read is written and read again. */
#include "ulite/volume.h"

#include "fuzz_file.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const ul_segments *segments) {
    char path[FUZZ_PATH_BYTES + 8];
    ul_segments again;
    ul_error error = {0};
    snprintf(path, sizeof path, "%s/again", fuzz_folder());
    fuzz_check(ul_segments_write(path, segments, &error) == UL_OK);
    fuzz_check(ul_segments_read(path, &again, &error) == UL_OK && again.count == segments->count);
    for (size_t s = 0; s < again.count; s++) {
        const ul_segment *a = &segments->items[s], *b = &again.items[s];
        fuzz_check(a->number == b->number && strcmp(a->label, b->label) == 0);
        fuzz_check(memcmp(a->rgb, b->rgb, sizeof a->rgb) == 0);
        fuzz_check(strcmp(a->type.value, b->type.value) == 0);
    }
    ul_segments_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_BYTES];
    fuzz_write_file(data, size, ".json", path);
    ul_error error = {0};
    ul_segments segments;
    ul_status status = ul_segments_read(path, &segments, &error);
    fuzz_check_error(status, &error);
    if (status == UL_OK)
        check_again(&segments);
    ul_segments_free(&segments);
    return 0;
}
