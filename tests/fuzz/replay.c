/* Runs a fuzz target over a corpus without a fuzzer: every file as it is, cut short at evenly
 * spaced lengths, and with single bits flipped at places that are the same in every run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUTS = 40, FLIPS = 160 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The target gets a copy of exactly `size` bytes, so that a sanitizer sees a read past them. */
static void run(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_mutations(uint8_t *bytes, size_t size) {
    run(bytes, size);
    for (size_t i = 0; i < CUTS && size; i++)
        run(bytes, size * i / CUTS);
    uint64_t state = size;
    for (int i = 0; i < FLIPS && size; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        /* Half of the flips go to the first kilobyte, where headers are. */
        size_t span = i % 2 && size > 1024 ? 1024 : size;
        size_t at = (size_t)(state >> 33) % span;
        uint8_t bit = (uint8_t)(1u << (state >> 30 & 7));
        bytes[at] ^= bit;
        run(bytes, size);
        bytes[at] ^= bit;
    }
}

static int run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    uint8_t *bytes = NULL;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    int failed = size < 0;
    if (!failed) {
        rewind(file);
        bytes = malloc((size_t)size + 1);
        failed = !bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size;
    }
    if (!failed)
        run_mutations(bytes, (size_t)size);
    else
        fprintf(stderr, "%s: cannot be read\n", path);
    free(bytes);
    fclose(file);
    return failed;
}

int main(int argc, char **argv) {
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    int failed = 0, files = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        failed |= run_file(path);
        files++;
    }
    closedir(folder);
    printf("%d files, each with %d cuts and %d flipped bits\n", files, CUTS, FLIPS);
    return failed || files == 0;
}
