/* Looking through folders. */
#include "ulite/dicom.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Says stop at the stage of which context is the name. */
static bool stop_at(void *context, const char *stage, size_t done, size_t total) {
    (void)done, (void)total;
    return strcmp(stage, context) != 0;
}

static void listing_can_be_interrupted(void **state) {
    (void)state;
    const char *source = getenv("ULITE_SOURCE_DIR");
    assert_non_null(source);
    const ul_progress progress = {stop_at, "listing"};
    ul_error error = {0};
    ul_catalog *catalog;
    assert_int_equal(
        ul_catalog_open(source, &(ul_catalog_options){.progress = &progress}, &catalog, &error),
        UL_ERROR_INTERRUPTED);
    assert_null(catalog);
    assert_string_equal(error.text, "interrupted while listing");
}

/* Appends an explicit little endian element of an even length. */
static void put(FILE *file, unsigned group, unsigned element, const char *vr, const void *value,
    unsigned length) {
    const unsigned char head[8] = {(unsigned char)group, (unsigned char)(group >> 8),
        (unsigned char)element, (unsigned char)(element >> 8), (unsigned char)vr[0],
        (unsigned char)vr[1], (unsigned char)length, (unsigned char)(length >> 8)};
    const unsigned char longer[4] = {(unsigned char)length, (unsigned char)(length >> 8), 0, 0};
    bool is_long = strcmp(vr, "OW") == 0;
    fwrite(head, 1, is_long ? 6 : 8, file);
    if (is_long) {
        fwrite("\0\0", 1, 2, file);
        fwrite(longer, 1, 4, file);
    }
    fwrite(value, 1, length, file);
}

/* A picture of 4x4 samples of one value, its header longer by the description's length. */
static void write_image(const char *path, const char *description, unsigned short value) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    unsigned short pixels[16], four = 4, one = 1, bits = 16, high = 15, zero = 0;
    for (int i = 0; i < 16; i++)
        pixels[i] = value;
    put(file, 0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.2", 26);
    put(file, 0x0008, 0x0018, "UI", "2.25.1", 6);
    put(file, 0x0008, 0x0060, "CS", "CT", 2);
    put(file, 0x0008, 0x103e, "LO", description, (unsigned)strlen(description));
    put(file, 0x0020, 0x000d, "UI", "2.25.2", 6);
    put(file, 0x0020, 0x000e, "UI", "2.25.3", 6);
    put(file, 0x0028, 0x0002, "US", &one, 2);
    put(file, 0x0028, 0x0004, "CS", "MONOCHROME2 ", 12);
    put(file, 0x0028, 0x0010, "US", &four, 2);
    put(file, 0x0028, 0x0011, "US", &four, 2);
    put(file, 0x0028, 0x0100, "US", &bits, 2);
    put(file, 0x0028, 0x0101, "US", &bits, 2);
    put(file, 0x0028, 0x0102, "US", &high, 2);
    put(file, 0x0028, 0x0103, "US", &zero, 2);
    put(file, 0x7fe0, 0x0010, "OW", pixels, sizeof pixels);
    assert_int_equal(fclose(file), 0);
}

typedef enum change { NOTHING, ANOTHER_FILE, LONGER_HEADER, OTHER_PIXELS } change;

static void make_change(const char *path, change what) {
    char other[80];
    struct stat before;
    assert_int_equal(stat(path, &before), 0);
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
        {before.st_mtim.tv_sec, (before.st_mtim.tv_nsec + 1) % 1000000000}};
    snprintf(other, sizeof other, "%s.new", path);
    switch (what) {
    case NOTHING:
        break;
    case ANOTHER_FILE: /* of the same size and time, moved to the place */
        write_image(other, "head", 9);
        assert_int_equal(rename(other, path), 0);
        break;
    case LONGER_HEADER:
        write_image(path, "another head", 9);
        break;
    case OTHER_PIXELS: /* the clock may be too coarse to show it */
        write_image(path, "head", 9);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        break;
    }
}

/* A file that is replaced or written to after its header was read gives none of its bytes. */
static void changed_files_are_refused(void **state) {
    (void)state;
    char folder[] = "/tmp/ulite-catalog-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/image", folder);
    for (change what = NOTHING; what <= OTHER_PIXELS; what++) {
        write_image(path, "head", 5);
        ul_error error = {0};
        ul_catalog *catalog;
        ul_volume volume;
        assert_int_equal(ul_catalog_open(folder, NULL, &catalog, &error), UL_OK);
        make_change(path, what);
        ul_status status = ul_series_read(ul_catalog_at(catalog, 0), 1, NULL, &volume, &error);
        assert_int_equal(status, what == NOTHING ? UL_OK : UL_ERROR_INPUT);
        if (what == NOTHING)
            assert_int_equal(((unsigned short *)volume.samples)[15], 5);
        else
            assert_non_null(strstr(error.text, "changed while it was read"));
        ul_volume_free(&volume);
        ul_catalog_close(catalog);
    }
    unlink(path);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listing_can_be_interrupted), cmocka_unit_test(changed_files_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
