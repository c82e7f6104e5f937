/* The PNG reader on any bytes as one file: as an image and as labels. */
#include "ulite/png.h"

#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_BYTES];
    fuzz_write_file(data, size, ".png", path);
    ul_error error = {0}, failure = {0};
    ul_volume volume;
    if (ul_png_read(path, &volume, &error) == UL_OK)
        ul_volume_free(&volume);
    else
        fuzz_check(fuzz_one_line(error.text));
    ul_labels labels;
    if (ul_png_read_labels(path, &labels, &failure) == UL_OK)
        ul_labels_free(&labels);
    else
        fuzz_check(fuzz_one_line(failure.text));
    return 0;
}
