/* Every kernel of every level of this machine against the scalar reference; with --bench their
 * speed. */
#include "harness.h"
#include "ulite/session.h"

#include <stdio.h>
#include <string.h>

static const kernel_test *const tests[] = {&pointwise_test, &pool_test, &cross_test, &conv7_test,
    &project_test, &gelu_test, &training_test, &softmax_test};
#define TESTS (sizeof tests / sizeof *tests)

static bool check(const ul_kernels *kernels, const ul_kernels *scalar) {
    bool passed = true;
    for (size_t i = 0; i < TESTS; i++) {
        bool same = tests[i]->check(kernels, scalar);
        printf(
            "%-7s %s: %s\n", ul_isa_name(kernels->level), tests[i]->name, same ? "ok" : "FAILED");
        passed = passed && same;
    }
    return passed;
}

static void bench(const ul_kernels *kernels) {
    double peak = ul_bench_peak(kernels->level, 1);
    printf("%-7s peak %.1f GMAC/s\n", ul_isa_name(kernels->level), peak * 1e-9);
    for (size_t i = 0; i < TESTS; i++)
        tests[i]->bench(kernels, peak);
}

int main(int argc, char **argv) {
    bool measure = argc == 2 && strcmp(argv[1], "--bench") == 0;
    if (argc > 1 && !measure) {
        fputs("Usage: test_kernels [--bench]\n", stderr);
        return 2;
    }
    ul_kernels scalar;
    ul_kernels_init(&scalar, UL_ISA_SCALAR);
    bool passed = true;
    for (ul_isa level = UL_ISA_SCALAR; level < UL_ISA_COUNT; level++) {
        if (!ul_cpu_has(level))
            continue;
        ul_kernels kernels;
        ul_kernels_init(&kernels, level);
        if (measure)
            bench(&kernels);
        else
            passed = check(&kernels, &scalar) && passed;
    }
    return passed ? 0 : 1;
}
