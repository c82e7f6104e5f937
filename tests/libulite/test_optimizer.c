/* Adam and AdamW against the formulas of their papers in double precision (Kingma and Ba 2015,
 * algorithm 1; Loshchilov and Hutter 2019, algorithm 2), step by step. */
#include "libulite/train/trainer_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { COUNT = 37, STEPS = 50 };

/* Gradients of any size, some of them 0. */
static float gradient_at(size_t i, size_t step) {
    return i % 9 == 8
               ? 0.0f
               : (float)(sin(0.7 * (double)(i * step + i)) * pow(10.0, (double)(i % 5) - 3.0));
}

static void check(ul_optimizer kind, double decay, double scale) {
    float weights[COUNT], gradients[COUNT], first[COUNT] = {0}, second[COUNT] = {0};
    double w[COUNT], m[COUNT] = {0}, v[COUNT] = {0};
    const double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-6;
    for (size_t i = 0; i < COUNT; i++)
        w[i] = (double)(weights[i] = (float)cos((double)i));
    for (size_t step = 1; step <= STEPS; step++) {
        const double rate = 1e-2 / (double)step;
        const ul_optimizer_rule rule = {kind, beta1, beta2, epsilon, decay, rate, scale, step};
        for (size_t i = 0; i < COUNT; i++) {
            gradients[i] = gradient_at(i, step);
            double g = scale * (double)gradients[i];
            if (kind == UL_OPTIMIZER_ADAM)
                g += decay * w[i];
            m[i] = beta1 * m[i] + (1.0 - beta1) * g;
            v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
            double m_hat = m[i] / (1.0 - pow(beta1, (double)step));
            double v_hat = v[i] / (1.0 - pow(beta2, (double)step));
            double change = m_hat / (sqrt(v_hat) + epsilon);
            if (kind == UL_OPTIMIZER_ADAMW)
                change += decay * w[i];
            w[i] -= rate * change;
        }
        ul_optimizer_update(&rule, COUNT, weights, gradients, first, second);
        for (size_t i = 0; i < COUNT; i++)
            assert_true(fabs((double)weights[i] - w[i]) < 1e-5);
    }
}

static void steps_are_those_of_the_papers(void **state) {
    (void)state;
    for (int decays = 0; decays < 2; decays++)
        for (int scaled = 0; scaled < 2; scaled++) {
            check(UL_OPTIMIZER_ADAM, decays ? 0.1 : 0.0, scaled ? 0.25 : 1.0);
            check(UL_OPTIMIZER_ADAMW, decays ? 0.1 : 0.0, scaled ? 0.25 : 1.0);
        }
}

/* Without gradients AdamW only shrinks the weights; Adam takes its decay for a gradient. */
static void decoupled_decay_is_a_shrinking(void **state) {
    (void)state;
    float weight = 2.0f, gradient = 0.0f, first = 0.0f, second = 0.0f;
    ul_optimizer_rule rule = {UL_OPTIMIZER_ADAMW, 0.9, 0.999, 1e-8, 0.1, 0.5, 1.0, 1};
    ul_optimizer_update(&rule, 1, &weight, &gradient, &first, &second);
    assert_true(fabs((double)weight - 2.0 * (1.0 - 0.5 * 0.1)) < 1e-6 && first == 0.0f);
    weight = 2.0f;
    rule.kind = UL_OPTIMIZER_ADAM;
    ul_optimizer_update(&rule, 1, &weight, &gradient, &first, &second);
    assert_true(fabs((double)weight - 1.5) < 1e-5 && first > 0.0f); /* a whole step of the rate */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_the_papers),
        cmocka_unit_test(decoupled_decay_is_a_shrinking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
