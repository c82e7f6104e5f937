/* A data set's JSON: the first byte chooses splits.json, dataset.json or segments.json. */
#include "ulite/train.h"

#include "fuzz_file.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CASES = 5, KINDS = 3, NAME_BYTES = FUZZ_PATH_BYTES + 32 };

static char names[KINDS][NAME_BYTES];

static void put(const char *path, const uint8_t *data, size_t size) {
    FILE *file = fopen(path, "wb");
    fuzz_check(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void make_cases(const char *folder) {
    static const char *const kinds[KINDS] = {"splits", "dataset", "segments"};
    static const char *const parts[] = {"images", "labels"};
    char path[NAME_BYTES];
    for (int p = 0; p < 2; p++) {
        snprintf(path, sizeof path, "%s/%s", folder, parts[p]);
        fuzz_check(mkdir(path, 0700) == 0);
        for (int c = 0; c < CASES; c++) {
            snprintf(path, sizeof path, "%s/%s/case%d.nii.gz", folder, parts[p], c);
            put(path, (const uint8_t *)"x", 1);
        }
    }
    for (int k = 0; k < KINDS; k++)
        snprintf(names[k], sizeof names[k], "%s/%s.json", folder, kinds[k]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    if (!names[0][0])
        make_cases(fuzz_folder());
    for (int k = 0; k < KINDS; k++)
        unlink(names[k]);
    put(names[data[0] % KINDS], data + 1, size - 1);
    ul_dataset dataset;
    ul_error error = {0};
    ul_status status = ul_dataset_open(fuzz_folder(), NULL, 1, false, false, &dataset, &error);
    fuzz_check_error(status, &error);
    if (status == UL_OK)
        ul_dataset_free(&dataset);
    return 0;
}
