/* The SEG writer's promises: nothing half-written, UIDs that follow the content, refusals. Usage:
 * test_seg_write MAKE_SERIES */
#include "ulite/rtstruct.h"
#include "ulite/seg.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "/usr/share/mricron/templates/ch2.nii.gz"

typedef struct fixture {
    char folder[64], path[80];
    ul_catalog *catalog;
    const ul_series *series;
    ul_labels labels;
} fixture;

static const char *make_series;

static int set_up(void **state) {
    static fixture f;
    memset(&f, 0, sizeof f);
    snprintf(f.folder, sizeof f.folder, "/tmp/ulite_seg_XXXXXX");
    if (!mkdtemp(f.folder))
        return -1;
    char series[80], command[512];
    snprintf(series, sizeof series, "%s/series", f.folder);
    snprintf(command, sizeof command, "'%s' " HEAD " -o %s --box 40:80,60:92,50:58", make_series,
        series);
    snprintf(f.path, sizeof f.path, "%s/out/seg.dcm", f.folder);
    char out[80];
    snprintf(out, sizeof out, "%s/out", f.folder);
    ul_error error = {0};
    if (system(command) != 0 || mkdir(out, 0777) != 0 ||
        ul_catalog_open(series, NULL, &f.catalog, &error) != UL_OK)
        return -1;
    f.series = ul_catalog_at(f.catalog, 0);
    ul_segment items[2];
    ul_segment_init(&items[0], 3);
    ul_segment_init(&items[1], 2);
    ul_segments segments = {2, items};
    if (ul_labels_create(ul_series_grid(f.series), &segments, false, &f.labels, &error) != UL_OK)
        return -1;
    for (size_t v = 0; v < 40 * 32 * 8; v++)
        f.labels.map[v] = v % 7 == 0 ? 2 : v % 11 == 0 ? 3 : 0;
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    ul_labels_free(&f->labels);
    ul_catalog_close(f->catalog);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->folder);
    return system(command);
}

/* How many files the target folder holds, hidden ones too. */
static size_t count_files(const fixture *f) {
    char folder[80];
    snprintf(folder, sizeof folder, "%s/out", f->folder);
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(entries));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(entries);
    return count;
}

static void expect_failure(fixture *f, const char *path, const ul_seg_options *options,
    ul_status expected, const char *text) {
    ul_error error = {0};
    ul_status status = ul_seg_write(path, &f->labels, f->series, options, &error);
    if (status != expected || !strstr(error.text, text) || strchr(error.text, '\n'))
        fail_msg("status %d, \"%s\"", (int)status, error.text);
    assert_int_equal(count_files(f), 0);
}

static void unwritable_targets_are_refused(void **state) {
    fixture *f = *state;
    ul_seg_options options;
    ul_seg_options_init(&options);
    char path[200];
    snprintf(path, sizeof path, "%s/series/S01IM0001.dcm/seg.dcm", f->folder);
    expect_failure(f, path, &options, UL_ERROR_OUTPUT, path);
    snprintf(path, sizeof path, "%s/nowhere/seg.dcm", f->folder);
    expect_failure(f, path, &options, UL_ERROR_OUTPUT, path);
    snprintf(path, sizeof path, "%s/out", f->folder);
    expect_failure(f, path, &options, UL_ERROR_OUTPUT, path);
}

static int lift_limit(void **state) {
    (void)state;
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_FSIZE, &limit);
}

static void full_disk_leaves_no_file(void **state) {
    fixture *f = *state;
    ul_seg_options options;
    ul_seg_options_init(&options);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit small;
    getrlimit(RLIMIT_FSIZE, &small);
    small.rlim_cur = 2000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    expect_failure(f, f->path, &options, UL_ERROR_OUTPUT, f->path);
    small.rlim_cur = 8000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    expect_failure(f, f->path, &options, UL_ERROR_OUTPUT, f->path);
}

/* The last bytes reach the disk when the file is closed, which DCMTK does not look at. */
static void a_disk_that_is_full_at_the_end_is_told(void **state) {
    fixture *f = *state;
    ul_error error = {0};
    struct stat whole;
    assert_int_equal(ul_rtstruct_write(f->path, &f->labels, f->series, NULL, &error), UL_OK);
    assert_int_equal(stat(f->path, &whole), 0);
    unlink(f->path);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit small;
    getrlimit(RLIMIT_FSIZE, &small);
    small.rlim_cur = (rlim_t)whole.st_size - 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ul_status status = ul_rtstruct_write(f->path, &f->labels, f->series, NULL, &error);
    if (status != UL_ERROR_OUTPUT || !strstr(error.text, "cannot be written"))
        fail_msg("status %d, \"%s\"", (int)status, error.text);
    assert_int_equal(count_files(f), 0);
}

/* Stops at the second report of a stage. */
static bool stop_in(void *context, const char *stage, size_t done, size_t total) {
    (void)total;
    return strcmp(stage, context) != 0 || done < 1;
}

static void interruption_leaves_no_file(void **state) {
    fixture *f = *state;
    char stages[2][10] = {"packing", "checking"};
    for (int s = 0; s < 2; s++) {
        ul_progress progress = {stop_in, stages[s]};
        ul_seg_options options;
        ul_seg_options_init(&options);
        options.progress = &progress;
        expect_failure(f, f->path, &options, UL_ERROR_INTERRUPTED, "interrupted");
    }
}

static void labels_need_a_segment_and_a_grid(void **state) {
    fixture *f = *state;
    ul_seg_options options;
    ul_seg_options_init(&options);
    uint16_t before = f->labels.map[500];
    f->labels.map[500] = 9;
    expect_failure(f, f->path, &options, UL_ERROR_INPUT, "label 9 occurs in slice 1");
    f->labels.map[500] = before;
    for (size_t k = 1; k < 8; k++)
        f->labels.grid.origin_mm[k][2] += (double)(k * k) / 4;
    ul_grid_classify(&f->labels.grid);
    expect_failure(f, f->path, &options, UL_ERROR_GEOMETRY, "neither on the slices");
    for (size_t k = 1; k < 8; k++)
        f->labels.grid.origin_mm[k][2] -= (double)(k * k) / 4;
    ul_grid_classify(&f->labels.grid);
}

/* The header that is copied is that of the image which was scanned. */
static void changed_sources_are_refused(void **state) {
    fixture *f = *state;
    ul_seg_options options;
    ul_seg_options_init(&options);
    const char *path = ul_series_instance(f->series, 0)->path;
    struct stat before;
    assert_int_equal(stat(path, &before), 0);
    struct timespec later[2] = {before.st_atim, before.st_mtim}, then[2] = {later[0], later[1]};
    later[1].tv_sec += 10;
    assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0);
    expect_failure(f, f->path, &options, UL_ERROR_INPUT, "changed while it was read");
    assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

/* The bytes of the object that is written with these options. */
static char *written(fixture *f, const ul_seg_options *options, size_t *size) {
    ul_error error = {0};
    if (ul_seg_write(f->path, &f->labels, f->series, options, &error) != UL_OK)
        fail_msg("%s", error.text);
    FILE *file = fopen(f->path, "rb");
    assert_non_null(file);
    char *bytes = malloc(1 << 20);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    assert_int_equal(count_files(f), 1);
    unlink(f->path);
    return bytes;
}

static void expect_same(fixture *f, const ul_seg_options *a, const ul_seg_options *b, bool same) {
    size_t size[2];
    char *bytes[2] = {written(f, a, &size[0]), written(f, b, &size[1])};
    /* UIDs stand in the first 300 bytes, in the file's meta header */
    assert_int_equal(memcmp(bytes[0], bytes[1], 400) == 0, same);
    if (same) {
        assert_int_equal(size[0], size[1]);
        assert_memory_equal(bytes[0], bytes[1], size[0]);
    }
    free(bytes[0]);
    free(bytes[1]);
}

static void uids_follow_the_content(void **state) {
    fixture *f = *state;
    ul_seg_options plain, other;
    ul_seg_options_init(&plain);
    expect_same(f, &plain, &plain, true);
    other = plain;
    other.model_hash = "another";
    expect_same(f, &plain, &other, false);
    other = plain;
    other.description_note = "forced";
    expect_same(f, &plain, &other, false);
    other = plain;
    other.type = UL_SEG_FRACTIONAL;
    expect_same(f, &plain, &other, false);
    other = plain;
    other.random_uids = true;
    expect_same(f, &other, &other, false);

    size_t size[2];
    char *before = written(f, &plain, &size[0]);
    f->labels.map[77] ^= 2;
    char *after = written(f, &plain, &size[1]);
    f->labels.map[77] ^= 2;
    assert_memory_not_equal(before, after, 400);
    free(after);
    setenv("SOURCE_DATE_EPOCH", "86400", 1);
    after = written(f, &plain, &size[1]);
    unsetenv("SOURCE_DATE_EPOCH");
    assert_memory_not_equal(before, after, 400);
    size_t at = 0; /* ContentDate */
    while (at + 8 < size[1] && memcmp(after + at, "19700102", 8) != 0)
        at++;
    assert_true(at + 8 < size[1]);
    free(before);
    free(after);
}

/* An even grid of its own between the source's slices: frames refer to the nearest ones. */
static void an_even_grid_of_its_own_goes(void **state) {
    fixture *f = *state;
    ul_grid grid;
    ul_error error = {0};
    assert_int_equal(ul_grid_copy(ul_series_grid(f->series), &grid, &error), UL_OK);
    for (size_t k = 0; k < 8; k++)
        grid.origin_mm[k][2] = grid.origin_mm[0][2] + 0.7 * (double)k;
    ul_grid_classify(&grid);
    ul_labels labels, read;
    assert_int_equal(ul_labels_create(&grid, &f->labels.segments, false, &labels, &error), UL_OK);
    memcpy(labels.map, f->labels.map, 40 * 32 * 8 * sizeof *labels.map);
    ul_seg_options options;
    ul_seg_options_init(&options);
    assert_int_equal(ul_seg_write(f->path, &labels, f->series, &options, &error), UL_OK);
    assert_int_equal(ul_seg_read(f->path, NULL, &read, NULL, &error), UL_OK);
    assert_memory_equal(read.map, labels.map, 40 * 32 * 8 * sizeof *labels.map);
    for (size_t k = 0; k < 8; k++)
        assert_true(read.grid.origin_mm[k][2] - grid.origin_mm[k][2] < 1e-6);
    ul_labels_free(&read);
    /* On the source's slices these frames have no place. */
    assert_int_equal(ul_seg_read(f->path, f->series, &read, NULL, &error), UL_ERROR_GEOMETRY);
    unlink(f->path);
    ul_labels_free(&labels);
    ul_grid_free(&grid);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return UL_ERROR_USAGE;
    make_series = argv[1];
    if (access(HEAD, R_OK) != 0) {
        fprintf(stderr, "skipped: %s is not there\n", HEAD);
        const char *required = getenv("ULITE_REQUIRE_PEERS");
        return required && strcmp(required, "1") == 0 ? 1 : 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unwritable_targets_are_refused),
        cmocka_unit_test_teardown(full_disk_leaves_no_file, lift_limit),
        cmocka_unit_test_teardown(a_disk_that_is_full_at_the_end_is_told, lift_limit),
        cmocka_unit_test(interruption_leaves_no_file),
        cmocka_unit_test(labels_need_a_segment_and_a_grid),
        cmocka_unit_test(changed_sources_are_refused),
        cmocka_unit_test(uids_follow_the_content),
        cmocka_unit_test(an_even_grid_of_its_own_goes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
