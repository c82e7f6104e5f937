/* The logistic function of pixels side by side; softmax and its backward pass, one pixel's classes
 * after the other. Over the vector vocabulary, built once per level. */
#include "libulite/kernels/train_simd.h"
#include "libulite/kernels/vec_math.h"

#include <math.h>
#include <string.h>

void UL_SIMD(ul_train_sigmoid)(
    const float *logits, size_t stride, float *p, float *tail, size_t pixels) {
    for (size_t first = 0; first < pixels; first += V_WIDTH) {
        const size_t count = pixels - first < V_WIDTH ? pixels - first : V_WIDTH;
        float x[V_WIDTH] = {0}, share[V_WIDTH], small[V_WIDTH];
        for (size_t i = 0; i < count; i++, logits += stride)
            x[i] = *logits;
        const v_float a = v_load(x);
        /* NaN of what is not finite */
        const v_float e = v_fma(a, v_zero(), v_exp_negative(v_sub(v_zero(), v_abs(a))));
        const v_float top = v_select_negative(a, e, v_set(1.0f));
        v_store(small, e);
        v_store(share, v_div(top, v_add(v_set(1.0f), e)));
        memcpy(p + first, share, count * sizeof *p);
        memcpy(tail + first, small, count * sizeof *tail);
    }
}

/* What a class's logit may be at most: padding's never count. */
static const float unused = -1e30f;

/* stride is a constant where it is small, so that the loops over it unroll. */
V_INLINE void softmax_rows(
    float *x, size_t stride, size_t classes, float *highest, float *sum, size_t pixels) {
    float limit[UL_LANES];
    const size_t last = stride - UL_LANES;
    for (size_t i = 0; i < UL_LANES; i++)
        limit[i] = last + i < classes ? INFINITY : unused;
    for (size_t p = 0; p < pixels; p++, x += stride) {
        v_float most = v_set(unused);
        for (size_t c = 0; c < last; c += V_WIDTH)
            most = v_max(most, v_load(x + c));
        for (size_t i = 0; i < UL_LANES; i += V_WIDTH)
            most = v_max(most, v_min(v_load(limit + i), v_load(x + last + i)));
        const float top = v_highest(most);
        v_float total = v_zero();
        for (size_t c = 0; c < stride; c += V_WIDTH) {
            v_float a = v_load(x + c);
            if (c >= last)
                a = v_min(v_load(limit + c - last), a);
            a = v_sub(a, v_set(top));
            const v_float e =
                v_select_negative(v_add(a, v_set(64.0f)), v_zero(), v_exp_negative(a));
            const v_float checked = v_fma(a, v_zero(), e); /* NaN stays */
            total = v_add(total, checked);
            v_store(x + c, checked);
        }
        highest[p] = top;
        sum[p] = v_sum(total);
        const v_float share = v_set(1.0f / sum[p]);
        for (size_t c = 0; c < stride; c += V_WIDTH)
            v_store(x + c, v_mul(v_load(x + c), share));
    }
}

void UL_SIMD(ul_train_softmax)(
    float *x, size_t stride, size_t classes, float *highest, float *sum, size_t pixels) {
    if (stride == UL_LANES)
        softmax_rows(x, UL_LANES, classes, highest, sum, pixels);
    else if (stride == 2 * UL_LANES)
        softmax_rows(x, 2 * UL_LANES, classes, highest, sum, pixels);
    else
        softmax_rows(x, stride, classes, highest, sum, pixels);
}

/* With m the sum of p times its derivative: p * (by_p - m + entropy), at the label plus
 * p * by_overlap - entropy. */
V_INLINE void backward_rows(const ul_softmax_slopes *slopes, float *x, size_t stride,
    const uint8_t *labels, size_t pixels) {
    for (size_t p = 0; p < pixels; p++, x += stride) {
        if (labels[p] == UL_SOFTMAX_IGNORE) {
            for (size_t c = 0; c < stride; c += V_WIDTH)
                v_store(x + c, v_zero());
            continue;
        }
        v_float total = v_zero();
        for (size_t c = 0; c < stride; c += V_WIDTH)
            total = v_fma(v_load(x + c), v_load(slopes->by_p + c), total);
        const float overlap = x[labels[p]] * slopes->by_overlap[labels[p]];
        const v_float less = v_set(slopes->entropy - (v_sum(total) + overlap));
        for (size_t c = 0; c < stride; c += V_WIDTH)
            v_store(x + c, v_mul(v_load(x + c), v_add(v_load(slopes->by_p + c), less)));
        x[labels[p]] += overlap - slopes->entropy;
    }
}

void UL_SIMD(ul_train_softmax_backward)(const ul_softmax_slopes *slopes, float *x, size_t stride,
    const uint8_t *labels, size_t pixels) {
    if (stride == UL_LANES)
        backward_rows(slopes, x, UL_LANES, labels, pixels);
    else if (stride == 2 * UL_LANES)
        backward_rows(slopes, x, 2 * UL_LANES, labels, pixels);
    else
        backward_rows(slopes, x, stride, labels, pixels);
}
