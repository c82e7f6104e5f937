/* A compressed file is one gzip member of what was written, whatever its length and the threads. */
#include "io/slices/gzip_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static char path[] = "/tmp/ulite-test-XXXXXX";

/* Runs, and noise between them. */
static unsigned char *make(size_t size_bytes) {
    unsigned char *bytes = malloc(size_bytes + 1);
    assert_non_null(bytes);
    uint32_t state = 1;
    for (size_t n = 0; n < size_bytes; n++) {
        state = state * 1664525 + 1013904223;
        bytes[n] = n / 5000 % 2 ? (unsigned char)(state >> 24) : (unsigned char)(n / 700);
    }
    return bytes;
}

static void write_in_parts(
    const unsigned char *bytes, size_t size_bytes, size_t part, int threads) {
    gzip_writer *writer = gzip_write_open(path, NULL, 0, true, threads);
    assert_non_null(writer);
    for (size_t at = 0; at < size_bytes; at += part)
        assert_true(
            gzip_write(writer, bytes + at, size_bytes - at < part ? size_bytes - at : part));
    assert_true(gzip_write_close(writer));
}

static unsigned char *read_whole(size_t *size_bytes) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size_bytes = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size_bytes + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size_bytes, file), *size_bytes);
    fclose(file);
    return bytes;
}

static void holds(const unsigned char *bytes, size_t size_bytes) {
    size_t packed_bytes;
    unsigned char *packed = read_whole(&packed_bytes), *read = malloc(size_bytes + 1);
    z_stream stream = {.next_in = packed,
        .avail_in = (uInt)packed_bytes,
        .next_out = read,
        .avail_out = (uInt)size_bytes + 1};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK); /* gzip: checks CRC and length */
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_int_equal(stream.total_out, size_bytes);
    assert_memory_equal(read, bytes, size_bytes);
    inflateEnd(&stream);
    free(packed);
    free(read);
}

static void one_member_of_any_length(void **state) {
    (void)state;
    static const size_t lengths[] = {
        0, 1, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 8 << 20, (19 << 20) + 12345};
    for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++) {
        unsigned char *bytes = make(lengths[n]);
        write_in_parts(bytes, lengths[n], 100003, 3);
        holds(bytes, lengths[n]);
        free(bytes);
    }
}

/* How it was handed in, and on how many threads, decides about no byte. */
static void parts_leave_no_trace(void **state) {
    (void)state;
    size_t size_bytes = (9 << 20) + 7, first_bytes, second_bytes;
    unsigned char *bytes = make(size_bytes);
    write_in_parts(bytes, size_bytes, size_bytes, 1);
    unsigned char *first = read_whole(&first_bytes);
    write_in_parts(bytes, size_bytes, 4097, 4);
    unsigned char *second = read_whole(&second_bytes);
    assert_int_equal(first_bytes, second_bytes);
    assert_memory_equal(first, second, first_bytes);
    free(first);
    free(second);
    free(bytes);
}

static void a_full_disk_is_told(void **state) {
    (void)state;
    unsigned char *bytes = make(20 << 20);
    gzip_writer *writer = gzip_write_open("/dev/full", NULL, 0, true, 2);
    assert_non_null(writer);
    bool written = gzip_write(writer, bytes, 20 << 20);
    assert_false(gzip_write_close(writer) && written);
    assert_null(gzip_write_open("/tmp/ulite-no-such-folder/a", NULL, 0, true, 0));
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_member_of_any_length),
        cmocka_unit_test(parts_leave_no_trace),
        cmocka_unit_test(a_full_disk_is_told),
    };
    int file = mkstemp(path);
    if (file < 0)
        return 1;
    close(file);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
