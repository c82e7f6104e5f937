/* Allocations of a session: the linker leads every call of libulite to the counters here. */
#include "ulite/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static atomic_size_t allocations, aligned_allocations;

/* Names that the linker's --wrap asks for. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
int __real_posix_memalign(void **memory, size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes) {
    allocations++;
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes) {
    allocations++;
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes) {
    allocations++;
    return __real_realloc(old, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
    allocations++;
    aligned_allocations++;
    return __real_aligned_alloc(alignment, bytes);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes) {
    allocations++;
    aligned_allocations++;
    return __real_posix_memalign(memory, alignment, bytes);
}

enum { HEIGHT = 96, WIDTH = 64, PIXELS = HEIGHT * WIDTH, INPUTS = 3, CLASSES = 2, SLICES = 3 };

/* Counts what making a session and running it allocate: one slice, whose pixels the threads share,
 * and more slices than threads. */
static void count(const ul_model *model, int threads, bool grey) {
    const ul_session_options options = {
        .height = HEIGHT, .width = WIDTH, .threads = threads, .grey = grey};
    static float input[SLICES * INPUTS * PIXELS], logits[SLICES * CLASSES * PIXELS];
    ul_session *session;
    allocations = aligned_allocations = 0;
    assert_int_equal(ul_session_create(model, &options, &session, NULL), UL_OK);
    assert_int_equal(aligned_allocations, 1);
    allocations = 0;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(ul_session_run(session, input, ul_session_input_size(session), logits,
                             CLASSES * PIXELS, NULL),
            UL_OK);
        assert_int_equal(ul_session_run(session, input, SLICES * ul_session_input_size(session),
                             logits, SLICES * CLASSES * PIXELS, NULL),
            UL_OK);
    }
    assert_int_equal(allocations, 0);
    ul_session_close(session);
}

static void a_session_allocates_once(void **state) {
    (void)state;
    const ul_model_shape shape = {.input_channels = INPUTS,
        .classes = CLASSES,
        .width = {16, 32, 48, 64, 64, 96},
        .bottleneck = 24};
    ul_model *model;
    assert_int_equal(ul_model_create(&shape, 3, &model, NULL), UL_OK);
    for (int threads = 1; threads <= 2; threads++) {
        count(model, threads, false); /* colours or neighbouring slices */
        count(model, threads, true);
    }
    ul_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_session_allocates_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
