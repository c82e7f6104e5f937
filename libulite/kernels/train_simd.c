/* The training kernels over the vector vocabulary: matrix products and crosses. Built once per
 * level. Every sum runs over its terms in one order, one accumulator each, so that tile sizes do
 * not show in the result. */
#include "libulite/kernels/train_simd.h"

/* Register tiles: pixels (or inputs) by vectors. */
#if defined(__AVX512F__)
#define WIDE_VECTORS 2
#define WIDE_ROWS 8
#define NARROW_ROWS 16
#define EXACT_ROWS 8
#elif defined(__AVX2__)
#define WIDE_VECTORS 2
#define WIDE_ROWS 6
#define NARROW_ROWS 6
#define EXACT_ROWS 2
#else
#define WIDE_VECTORS 4
#define WIDE_ROWS 6
#define NARROW_ROWS 6
#define EXACT_ROWS 2
#endif
#define NARROW_VECTORS (UL_LANES / V_WIDTH)
#define WIDE_COLUMNS (WIDE_VECTORS * V_WIDTH)

/* x_stride: the job's, which the compiler unfolds where it knows it. */
V_INLINE void matmul_tile(
    const ul_matmul *job, size_t x_stride, size_t first, size_t column, int rows, int vectors) {
    const size_t inputs = job->segments * job->depth;
    const float *weight = job->weight + column * inputs;
    const size_t panel = inputs * UL_LANES;
    float *y = job->y + first * job->y_stride + column;
    v_float sum[16][4];
    V_UNROLL for (int r = 0; r < rows; r++) V_UNROLL for (int v = 0; v < vectors; v++) sum[r][v] =
        v_load(job->bias ? job->bias + column + v * V_WIDTH : y + r * job->y_stride + v * V_WIDTH);
    for (size_t s = 0; s < job->segments; s++) {
        const float *x = job->x + first * x_stride + s * job->segment_stride;
        for (size_t k = 0; k < job->depth; k++, weight += UL_LANES) {
            v_float w[4];
            V_UNROLL for (int v = 0; v < vectors; v++) w[v] =
                v_load(weight + v * V_WIDTH / UL_LANES * panel + v * V_WIDTH % UL_LANES);
            V_UNROLL for (int r = 0; r < rows; r++) {
                const v_float value = v_set(x[r * x_stride + k]);
                V_UNROLL for (int v = 0; v < vectors; v++) sum[r][v] =
                    v_fma(value, w[v], sum[r][v]);
            }
        }
    }
    V_UNROLL for (int r = 0; r < rows; r++) V_UNROLL for (int v = 0; v < vectors; v++) {
        ul_write_ahead(y + r * job->y_stride + v * V_WIDTH);
        v_store(y + r * job->y_stride + v * V_WIDTH, sum[r][v]);
    }
}

V_INLINE void matmul_columns(
    const ul_matmul *job, size_t x_stride, size_t column, int rows, int vectors) {
    size_t p = 0;
    for (; p + rows <= job->pixels; p += rows)
        matmul_tile(job, x_stride, p, column, rows, vectors);
    for (; p + 4 <= job->pixels; p += 4)
        matmul_tile(job, x_stride, p, column, 4, vectors);
    for (; p < job->pixels; p++)
        matmul_tile(job, x_stride, p, column, 1, vectors);
}

V_INLINE void matmul_all(const ul_matmul *job, size_t x_stride) {
    size_t column = 0;
    for (; column + WIDE_COLUMNS <= job->columns; column += WIDE_COLUMNS)
        matmul_columns(job, x_stride, column, WIDE_ROWS, WIDE_VECTORS);
    for (; column < job->columns; column += UL_LANES)
        matmul_columns(job, x_stride, column, NARROW_ROWS, NARROW_VECTORS);
}

static void matmul(const ul_matmul *job) {
    if (job->x_stride == UL_LANES)
        matmul_all(job, UL_LANES);
    else if (job->x_stride == 2 * UL_LANES)
        matmul_all(job, 2 * UL_LANES);
    else
        matmul_all(job, job->x_stride);
}

/* One panel of 16 columns. */
V_INLINE void exact_tile(const ul_matmul *job, size_t first, size_t column, int rows) {
    enum { WIDTH = V_WIDTH / 2, VECTORS = UL_LANES / WIDTH };
    const float *weight = job->weight + column * job->segments * job->depth;
    const size_t x_stride = job->x_stride;
    float *y = job->y + first * job->y_stride + column;
    v_double sum[EXACT_ROWS][VECTORS];
    V_UNROLL for (int r = 0; r < rows; r++) V_UNROLL for (int v = 0; v < VECTORS; v++) sum[r][v] =
        vd_load(job->bias ? job->bias + column + v * WIDTH : y + r * job->y_stride + v * WIDTH);
    for (size_t s = 0; s < job->segments; s++) {
        const float *x = job->x + first * x_stride + s * job->segment_stride;
        for (size_t k = 0; k < job->depth; k++, weight += UL_LANES) {
            v_double value[EXACT_ROWS];
            V_UNROLL for (int r = 0; r < rows; r++) value[r] = vd_set(x[r * x_stride + k]);
            V_UNROLL for (int v = 0; v < VECTORS; v++) {
                const v_double w = vd_load(weight + v * WIDTH);
                V_UNROLL for (int r = 0; r < rows; r++) sum[r][v] = vd_fma(value[r], w, sum[r][v]);
            }
        }
    }
    V_UNROLL for (int r = 0; r < rows; r++) V_UNROLL for (int v = 0; v < VECTORS; v++)
        vd_store(y + r * job->y_stride + v * WIDTH, sum[r][v]);
}

static void matmul_exact(const ul_matmul *job) {
    for (size_t column = 0; column < job->columns; column += UL_LANES) {
        size_t p = 0;
        for (; p + EXACT_ROWS <= job->pixels; p += EXACT_ROWS)
            exact_tile(job, p, column, EXACT_ROWS);
        for (; p < job->pixels; p++)
            exact_tile(job, p, column, 1);
    }
}

V_INLINE void outer_tile(
    const ul_outer *job, size_t input, size_t column, int rows, int vectors, bool scaled) {
    v_float sum[16][4], scale[4], shift[4];
    float *out = job->sum + input * job->sum_stride + column;
    V_UNROLL for (int r = 0; r < rows; r++) V_UNROLL for (int v = 0; v < vectors; v++) sum[r][v] =
        v_load(out + r * job->sum_stride + v * V_WIDTH);
    if (scaled)
        V_UNROLL for (int v = 0; v < vectors; v++) {
            scale[v] = v_load(job->scale + column + v * V_WIDTH);
            shift[v] = v_load(job->shift + column + v * V_WIDTH);
        }
    const float *x = job->x + input;
    const float *y = job->y + column;
    for (size_t p = 0; p < job->pixels; p++, x += job->x_stride, y += job->y_stride) {
        v_float value[4];
        V_UNROLL for (int v = 0; v < vectors; v++) value[v] = v_load(y + v * V_WIDTH);
        if (scaled)
            V_UNROLL for (int v = 0; v < vectors; v++) value[v] =
                v_fma(scale[v], value[v], shift[v]);
        V_UNROLL for (int r = 0; r < rows; r++) {
            const v_float factor = v_set(x[r]);
            V_UNROLL for (int v = 0; v < vectors; v++) sum[r][v] =
                v_fma(factor, value[v], sum[r][v]);
        }
    }
    V_UNROLL for (int r = 0; r < rows; r++) V_UNROLL for (int v = 0; v < vectors; v++)
        v_store(out + r * job->sum_stride + v * V_WIDTH, sum[r][v]);
}

/* The tile of what is left of the depth. */
V_INLINE void outer_rest(
    const ul_outer *job, size_t k, size_t column, size_t rows, int vectors, bool scaled) {
#define REST(n)                                                                                    \
    case n:                                                                                        \
        outer_tile(job, k, column, n, vectors, scaled);                                            \
        break
    switch (rows) {
        REST(1);
        REST(2);
        REST(3);
        REST(4);
        REST(5);
        REST(6);
        REST(7);
    }
#undef REST
}

V_INLINE void outer_columns(
    const ul_outer *job, size_t column, int rows, int vectors, bool scaled) {
    size_t k = 0;
    for (; k + rows <= job->depth; k += rows)
        outer_tile(job, k, column, rows, vectors, scaled);
    for (; rows > 8 && k + 8 <= job->depth; k += 8)
        outer_tile(job, k, column, 8, vectors, scaled);
    outer_rest(job, k, column, job->depth - k, vectors, scaled);
}

V_INLINE void outer_all(const ul_outer *job, bool scaled) {
    size_t column = 0;
    for (; column + WIDE_COLUMNS <= job->columns; column += WIDE_COLUMNS)
        outer_columns(job, column, WIDE_ROWS, WIDE_VECTORS, scaled);
    for (; column < job->columns; column += UL_LANES)
        outer_columns(job, column, NARROW_ROWS, NARROW_VECTORS, scaled);
}

static void outer(const ul_outer *job) {
    if (job->scale)
        outer_all(job, true);
    else
        outer_all(job, false);
}

/* Crosses go through an image in strips of as many columns, whose rows stay in the nearest cache
 * until the rows below have read them. */
enum { STRIP = 32 };

/* `pixels` neighbours of one row, V_WIDTH channels. */
V_INLINE void cross_tile(const ul_train_cross *job, const float *x, float *y, size_t channel,
    size_t radius, size_t dilation, int pixels) {
    const size_t taps = 2 * radius + 1, channels = job->channels;
    const float *weight = job->weight + channel;
    v_float sum[8];
    V_UNROLL for (int i = 0; i < pixels; i++) sum[i] =
        v_load(job->bias ? job->bias + channel : y + i * job->y_stride);
    V_UNROLL for (int along = 0; along < 2; along++) {
        const size_t step = dilation * (along ? UL_LANES : job->x_row_stride);
        const float *at = x - radius * step;
        V_UNROLL for (size_t t = 0; t < taps; t++, at += step, weight += channels) {
            if (along && t == radius)
                continue;
            const v_float w = v_load(weight);
            V_UNROLL for (int i = 0; i < pixels; i++) sum[i] =
                v_fma(v_load(at + i * UL_LANES), w, sum[i]);
        }
    }
    V_UNROLL for (int i = 0; i < pixels; i++) {
        ul_write_ahead(y + i * job->y_stride);
        v_store(y + i * job->y_stride, sum[i]);
    }
}

/* The same, of V_WIDTH / 2 channels. */
V_INLINE void cross_exact_tile(const ul_train_cross *job, const float *x, float *y, size_t channel,
    size_t radius, size_t dilation, int pixels) {
    const size_t taps = 2 * radius + 1, channels = job->channels;
    const float *weight = job->weight + channel;
    v_double sum[8];
    V_UNROLL for (int i = 0; i < pixels; i++) sum[i] =
        vd_load(job->bias ? job->bias + channel : y + i * job->y_stride);
    V_UNROLL for (int along = 0; along < 2; along++) {
        const size_t step = dilation * (along ? UL_LANES : job->x_row_stride);
        const float *at = x - radius * step;
        V_UNROLL for (size_t t = 0; t < taps; t++, at += step, weight += channels) {
            if (along && t == radius)
                continue;
            const v_double w = vd_load(weight);
            V_UNROLL for (int i = 0; i < pixels; i++) sum[i] =
                vd_fma(vd_load(at + i * UL_LANES), w, sum[i]);
        }
    }
    V_UNROLL for (int i = 0; i < pixels; i++) vd_store(y + i * job->y_stride, sum[i]);
}

/* Called by name and not by a pointer, which is inlined only where a build optimises. */
V_INLINE void cross_either_tile(const ul_train_cross *job, const float *x, float *y, size_t channel,
    size_t radius, size_t dilation, bool exact, int pixels) {
    if (exact)
        cross_exact_tile(job, x, y, channel, radius, dilation, pixels);
    else
        cross_tile(job, x, y, channel, radius, dilation, pixels);
}

/* The pixels first to end of one row. */
V_INLINE void cross_pixels(const ul_train_cross *job, const float *x, float *y, size_t channel,
    size_t radius, size_t dilation, bool exact, size_t first, size_t end) {
    size_t i = first;
    const size_t stride = job->y_stride;
    for (; i + 8 <= end; i += 8)
        cross_either_tile(
            job, x + i * UL_LANES, y + i * stride, channel, radius, dilation, exact, 8);
    for (; i + 4 <= end; i += 4)
        cross_either_tile(
            job, x + i * UL_LANES, y + i * stride, channel, radius, dilation, exact, 4);
    for (; i < end; i++)
        cross_either_tile(
            job, x + i * UL_LANES, y + i * stride, channel, radius, dilation, exact, 1);
}

V_INLINE void cross_rows(const ul_train_cross *job, size_t radius, size_t dilation, bool exact) {
    const size_t step = exact ? V_WIDTH / 2 : V_WIDTH, width = job->width;
    for (size_t c = 0; c < job->channels; c += step) {
        const float *x = job->x + c / UL_LANES * job->x_block_stride + c % UL_LANES;
        for (size_t first = 0; first < width; first += STRIP) {
            const size_t end = first + STRIP < width ? first + STRIP : width;
            for (size_t row = 0; row < job->rows; row++)
                cross_pixels(job, x + row * job->x_row_stride, job->y + row * job->y_row_stride + c,
                    c, radius, dilation, exact, first, end);
        }
    }
}

static void cross(const ul_train_cross *job) {
    if (job->radius == 3)
        cross_rows(job, 3, 1, false);
    else
        cross_rows(job, 1, job->dilation, false);
}

static void cross_exact(const ul_train_cross *job) {
    if (job->radius == 3)
        cross_rows(job, 3, 1, true);
    else
        cross_rows(job, 1, job->dilation, true);
}

/* Pixels first to end of all rows, V_WIDTH channels: to sum[2 * taps], and *bias. */
V_INLINE void cross_sums_strip(const ul_train_cross_sums *job, const float *x, const float *y,
    size_t radius, size_t dilation, size_t first, size_t end, v_float *sum, v_float *bias) {
    const size_t taps = 2 * radius + 1;
    for (size_t row = 0; row < job->rows; row++) {
        const float *own = x + row * job->x_row_stride - radius * dilation * UL_LANES;
        const float *gradient = y + row * job->y_row_stride, *column[7];
        V_UNROLL for (size_t t = 0; t < taps; t++) column[t] =
            x + row * job->x_row_stride +
            (ptrdiff_t)((t - radius) * dilation) * (ptrdiff_t)job->x_row_stride;
        for (size_t i = first; i < end; i++) {
            ul_read_ahead(gradient + i * job->y_stride);
            const v_float g = v_load(gradient + i * job->y_stride);
            *bias = v_add(*bias, g);
            V_UNROLL for (size_t t = 0; t < taps; t++) {
                sum[t] = v_fma(v_load(column[t] + i * UL_LANES), g, sum[t]);
                if (t != radius)
                    sum[taps + t] =
                        v_fma(v_load(own + (i + t * dilation) * UL_LANES), g, sum[taps + t]);
            }
        }
    }
}

V_INLINE void cross_sums_rows(const ul_train_cross_sums *job, size_t radius, size_t dilation) {
    const size_t taps = 2 * radius + 1, channels = job->channels, width = job->width;
    for (size_t c = 0; c < channels; c += V_WIDTH) {
        const float *x = job->x + c / UL_LANES * job->x_block_stride + c % UL_LANES;
        const float *y = job->y + c / UL_LANES * job->y_block_stride + c % UL_LANES;
        v_float sum[14], bias = v_load(job->bias + c);
        V_UNROLL for (size_t t = 0; t < 2 * taps; t++) sum[t] =
            v_load(job->weight + t * channels + c);
        for (size_t first = 0; first < width; first += STRIP)
            cross_sums_strip(job, x, y, radius, dilation, first,
                first + STRIP < width ? first + STRIP : width, sum, &bias);
        V_UNROLL for (size_t t = 0; t < 2 * taps; t++)
            v_store(job->weight + t * channels + c, sum[t]);
        v_store(job->bias + c, bias);
    }
}

static void cross_sums(const ul_train_cross_sums *job) {
    if (job->radius == 3)
        cross_sums_rows(job, 3, 1);
    else
        cross_sums_rows(job, 1, job->dilation);
}

const ul_train_kernels UL_SIMD(ul_train_kernels) = {matmul, matmul_exact, outer, cross, cross_exact,
    cross_sums, UL_SIMD(ul_train_affine), UL_SIMD(ul_train_affine2), UL_SIMD(ul_train_sums),
    UL_SIMD(ul_train_squares), UL_SIMD(ul_train_dots), UL_SIMD(ul_train_pool),
    UL_SIMD(ul_train_unpool), UL_SIMD(ul_train_upsample), UL_SIMD(ul_train_fold),
    UL_SIMD(ul_train_gelu), UL_SIMD(ul_train_gelu_backward), UL_SIMD(ul_train_gelu_slope),
    UL_SIMD(ul_train_multiply), UL_SIMD(ul_train_sigmoid), UL_SIMD(ul_train_softmax),
    UL_SIMD(ul_train_softmax_backward)};
