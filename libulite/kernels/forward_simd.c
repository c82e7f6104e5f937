/* The forward kernels over the vector vocabulary; compiled once per level.
 *
 * Tiles: a tile of n pixels times some output vectors lives in registers. Row ends are served by
 * smaller tiles, and since every tile size does the same operations per pixel in the same order, no
 * result depends on the tiling. */
#include "kernels/kernels.h"
#include "kernels/vec.h"

#define VECTORS (UL_LANES / V_WIDTH) /* of one block of 16 channels */

/* --- GELU ------------------------------------------------------------------------------------ */

/* x * Phi(x); erf as a rational function of its argument clamped to [-4, 4], where it is 1 in
 * float. Error against exact GELU: see docs/numerics.md. */
V_INLINE v_float gelu_vector(v_float x) {
    v_float z = v_mul(x, v_set(0.70710678118654752f));
    z = v_max(v_set(-4.0f), v_min(v_set(4.0f), z));
    v_float z2 = v_mul(z, z);
    v_float p = v_fma(z2, v_set(-2.72614225801306e-10f), v_set(2.77068142495902e-08f));
    p = v_fma(p, z2, v_set(-2.10102402082508e-06f));
    p = v_fma(p, z2, v_set(-5.69250639462346e-05f));
    p = v_fma(p, z2, v_set(-7.34990630326855e-04f));
    p = v_fma(p, z2, v_set(-2.95459980854025e-03f));
    p = v_fma(p, z2, v_set(-1.60960333262415e-02f));
    v_float q = v_fma(z2, v_set(-1.45660718464996e-05f), v_set(-2.13374055278905e-04f));
    q = v_fma(q, z2, v_set(-1.68282697438203e-03f));
    q = v_fma(q, z2, v_set(-7.37332916720468e-03f));
    q = v_fma(q, z2, v_set(-1.42647390514189e-02f));
    v_float erf = v_div(v_mul(z, p), q);
    v_float half = v_mul(x, v_set(0.5f));
    return v_fma(half, erf, half);
}

V_INLINE void gelu_pixels(float *x, size_t stride, size_t pixels, size_t channels) {
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < channels; c += V_WIDTH)
            v_store(x + i * stride + c, gelu_vector(v_load(x + i * stride + c)));
}

static void gelu(float *x, size_t count) {
    gelu_pixels(x, 0, 1, count);
}

/* --- 1x1 convolution ------------------------------------------------------------------------- */

/* The largest tiles: PIXELS_1 pixels times one block of 16 channels, PIXELS_2 times two blocks. */
#if V_WIDTH == 16
#define PIXELS_1 28
#define PIXELS_2 14
#define POOLED_1 6
#define POOLED_2 3
#else
#define PIXELS_1 6
#define POOLED_1 1
#endif

V_INLINE void load_weights(v_float *w, const float *weights, size_t block_floats, int blocks) {
    V_UNROLL for (int j = 0; j < blocks * VECTORS; j++) w[j] =
        v_load(weights + (size_t)(j / VECTORS) * block_floats + (size_t)(j % VECTORS) * V_WIDTH);
}

/* Pixels x .. x + n - 1 of row y, blocks blocks of channels from channel on. */
V_INLINE void pointwise_tile(
    const ul_pointwise *p, size_t y, size_t x, size_t channel, const int n, const int blocks) {
    const int vectors = blocks * VECTORS;
    v_float sum[32], w[8];
    const float *init = p->init + (y >> p->init_shift) * p->init_row + channel;
    V_UNROLL for (int i = 0; i < n; i++) {
        const float *start = init + ((x + (size_t)i) >> p->init_shift) * p->init_stride;
        V_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] =
            v_load(start + j * V_WIDTH);
    }
    const float *in = p->in + y * p->in_row + x * p->in_stride;
    const float *weights = p->weights + channel * p->cin;
    const size_t stride = p->in_stride, block_floats = p->cin * UL_LANES;
    for (size_t k = 0; k < p->cin; k++) {
        load_weights(w, weights + k * UL_LANES, block_floats, blocks);
        V_UNROLL for (int i = 0; i < n; i++) {
            v_float value = v_set(in[(size_t)i * stride + k]);
            V_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] =
                v_fma(value, w[j], sum[i * vectors + j]);
        }
    }
    float *out = p->out + y * p->out_row + x * p->out_stride + channel;
    V_UNROLL for (int i = 0; i < n; i++) {
        V_UNROLL for (int j = 0; j < vectors; j++)
            v_store(out + (size_t)i * p->out_stride + j * V_WIDTH, sum[i * vectors + j]);
    }
    if (p->gelu)
        gelu_pixels(out, p->out_stride, (size_t)n, (size_t)blocks * UL_LANES);
}

/* The same after a maximum over 2x2 pixels; n counts output pixels. */
V_INLINE void pool_tile(
    const ul_pointwise *p, size_t y, size_t x, size_t channel, const int n, const int blocks) {
    const int vectors = blocks * VECTORS;
    v_float sum[32], w[8];
    V_UNROLL for (int i = 0; i < 4 * n * vectors; i++) sum[i] = v_zero();
    const float *top = p->in + 2 * y * p->in_row + 2 * x * p->in_stride, *low = top + p->in_row;
    const float *weights = p->weights + channel * p->cin;
    const size_t stride = p->in_stride, block_floats = p->cin * UL_LANES;
    for (size_t k = 0; k < p->cin; k++) {
        load_weights(w, weights + k * UL_LANES, block_floats, blocks);
        V_UNROLL for (int i = 0; i < 4 * n; i++) {
            v_float value = v_set((i < 2 * n ? top : low)[(size_t)(i % (2 * n)) * stride + k]);
            V_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] =
                v_fma(value, w[j], sum[i * vectors + j]);
        }
    }
    float *out = p->out + y * p->out_row + x * p->out_stride + channel;
    const float *init = p->init + y * p->init_row + x * p->init_stride + channel;
    V_UNROLL for (int i = 0; i < n; i++) {
        V_UNROLL for (int j = 0; j < vectors; j++) {
            v_float *s = sum + 2 * i * vectors + j, *t = s + 2 * n * vectors;
            v_float best = v_max(v_max(s[0], s[vectors]), v_max(t[0], t[vectors]));
            best = v_add(best, v_load(init + (size_t)i * p->init_stride + j * V_WIDTH));
            v_store(out + (size_t)i * p->out_stride + j * V_WIDTH, best);
        }
    }
    if (p->gelu)
        gelu_pixels(out, p->out_stride, (size_t)n, (size_t)blocks * UL_LANES);
}

/* One function per tile size: n becomes a constant, the tile stays in registers. */
typedef void tile_function(const ul_pointwise *p, size_t y, size_t x, size_t channel);
#define TILE(kind, blocks, n)                                                                      \
    static void kind##_##blocks##_##n(const ul_pointwise *p, size_t y, size_t x, size_t channel) { \
        kind##_tile(p, y, x, channel, n, blocks);                                                  \
    }
#define TILES_3(kind, blocks) TILE(kind, blocks, 1) TILE(kind, blocks, 2) TILE(kind, blocks, 3)
#define TILES_6(kind, blocks)                                                                      \
    TILES_3(kind, blocks) TILE(kind, blocks, 4) TILE(kind, blocks, 5) TILE(kind, blocks, 6)
#define TILES_14(kind, blocks)                                                                     \
    TILES_6(kind, blocks)                                                                          \
    TILE(kind, blocks, 7)                                                                          \
    TILE(kind, blocks, 8)                                                                          \
    TILE(kind, blocks, 9) TILE(kind, blocks, 10) TILE(kind, blocks, 11) TILE(kind, blocks, 12)     \
        TILE(kind, blocks, 13) TILE(kind, blocks, 14)
#define TILES_28(kind, blocks)                                                                     \
    TILES_14(kind, blocks)                                                                         \
    TILE(kind, blocks, 15)                                                                         \
    TILE(kind, blocks, 16)                                                                         \
    TILE(kind, blocks, 17) TILE(kind, blocks, 18) TILE(kind, blocks, 19) TILE(kind, blocks, 20)    \
        TILE(kind, blocks, 21) TILE(kind, blocks, 22) TILE(kind, blocks, 23)                       \
            TILE(kind, blocks, 24) TILE(kind, blocks, 25) TILE(kind, blocks, 26)                   \
                TILE(kind, blocks, 27) TILE(kind, blocks, 28)
#define NAMES_3(kind, b) kind##_##b##_1, kind##_##b##_2, kind##_##b##_3
#define NAMES_6(kind, b) NAMES_3(kind, b), kind##_##b##_4, kind##_##b##_5, kind##_##b##_6
#define NAMES_14(kind, b)                                                                          \
    NAMES_6(kind, b), kind##_##b##_7, kind##_##b##_8, kind##_##b##_9, kind##_##b##_10,             \
        kind##_##b##_11, kind##_##b##_12, kind##_##b##_13, kind##_##b##_14
#define NAMES_28(kind, b)                                                                          \
    NAMES_14(kind, b), kind##_##b##_15, kind##_##b##_16, kind##_##b##_17, kind##_##b##_18,         \
        kind##_##b##_19, kind##_##b##_20, kind##_##b##_21, kind##_##b##_22, kind##_##b##_23,       \
        kind##_##b##_24, kind##_##b##_25, kind##_##b##_26, kind##_##b##_27, kind##_##b##_28

#if V_WIDTH == 16
TILES_28(pointwise, 1)
TILES_14(pointwise, 2)
TILES_6(pool, 1)
TILES_3(pool, 2)
static tile_function *const pointwise_1[] = {NAMES_28(pointwise, 1)};
static tile_function *const pointwise_2[] = {NAMES_14(pointwise, 2)};
static tile_function *const pool_1[] = {NAMES_6(pool, 1)};
static tile_function *const pool_2[] = {NAMES_3(pool, 2)};
#else
TILES_6(pointwise, 1)
TILE(pool, 1, 1)
static tile_function *const pointwise_1[] = {NAMES_6(pointwise, 1)};
static tile_function *const pool_1[] = {pool_1_1};
#endif

/* Covers every row with tiles of at most `largest` pixels and nearly equal size. */
static void run_tiles(
    const ul_pointwise *p, size_t channel, tile_function *const *tiles, size_t largest) {
    size_t count = (p->width + largest - 1) / largest;
    size_t size = p->width / count, longer = p->width % count;
    for (size_t y = 0; y < p->rows; y++)
        for (size_t i = 0, x = 0; i < count; i++) {
            size_t n = size + (i < longer);
            tiles[n - 1](p, y, x, channel);
            x += n;
        }
}

static void pointwise(const ul_pointwise *p) {
    size_t channel = 0;
    if (p->width == 0)
        return;
#if V_WIDTH == 16
    for (; channel + 2 * UL_LANES <= p->cout; channel += 2 * UL_LANES)
        run_tiles(p, channel, pointwise_2, PIXELS_2);
#endif
    for (; channel < p->cout; channel += UL_LANES)
        run_tiles(p, channel, pointwise_1, PIXELS_1);
}

static void pointwise_pool(const ul_pointwise *p) {
    size_t channel = 0;
    if (p->width == 0)
        return;
#if V_WIDTH == 16
    for (; channel + 2 * UL_LANES <= p->cout; channel += 2 * UL_LANES)
        run_tiles(p, channel, pool_2, POOLED_2);
#endif
    for (; channel < p->cout; channel += UL_LANES)
        run_tiles(p, channel, pool_1, POOLED_1);
}

/* --- Axial cross ----------------------------------------------------------------------------- */

/* Pixels x .. x + n - 1, one vector of channels from c on; inside says that all horizontal taps lie
 * in the row. */
V_INLINE void cross_tile(const ul_cross *p, const float *weights, size_t c, size_t x, const int n,
    const size_t taps, const bool inside) {
    v_float sum[8];
    const float *w = weights;
    v_float bias = v_load(w + (2 * taps - 1) * UL_LANES);
    V_UNROLL for (int i = 0; i < n; i++) sum[i] = bias;
    V_UNROLL for (size_t t = 0; t < taps; t++, w += UL_LANES) {
        v_float tap = v_load(w);
        const float *in = p->rows[t] + x * p->in_stride + c;
        V_UNROLL for (int i = 0; i < n; i++) sum[i] =
            v_fma(tap, v_load(in + (size_t)i * p->in_stride), sum[i]);
    }
    const size_t centre = taps / 2;
    V_UNROLL for (size_t t = 0; t < taps; t++) {
        if (t == centre)
            continue;
        v_float tap = v_load(w);
        w += UL_LANES;
        /* Wraps around left of the row, which fails the test as well. */
        size_t at = x + t * p->dilation - centre * p->dilation;
        const float *in = p->rows[centre] + c;
        V_UNROLL for (int i = 0; i < n; i++) if (inside || at + (size_t)i < p->width) sum[i] =
            v_fma(tap, v_load(in + (at + (size_t)i) * p->in_stride), sum[i]);
    }
    V_UNROLL for (int i = 0; i < n; i++)
        v_store(p->out + (x + (size_t)i) * p->out_stride + c, sum[i]);
}

V_INLINE void cross_channels(const ul_cross *p, const size_t taps) {
    const size_t reach = taps / 2 * p->dilation;
    for (size_t c = 0; c < p->channels; c += V_WIDTH) {
        const float *weights = p->weights + c / UL_LANES * 2 * taps * UL_LANES + c % UL_LANES;
        size_t x = 0;
        for (; x < reach && x < p->width; x++)
            cross_tile(p, weights, c, x, 1, taps, false);
        for (; x + 8 + reach <= p->width; x += 8)
            cross_tile(p, weights, c, x, 8, taps, true);
        for (; x + reach < p->width; x++)
            cross_tile(p, weights, c, x, 1, taps, true);
        for (; x < p->width; x++)
            cross_tile(p, weights, c, x, 1, taps, false);
    }
}

static void cross(const ul_cross *p) {
    if (p->taps == 7)
        cross_channels(p, 7);
    else if (p->taps == 3)
        cross_channels(p, 3);
    else
        cross_channels(p, p->taps);
}

/* --- 7x7 convolution ------------------------------------------------------------------------- */

#if V_REGISTERS == 32

/* The seven weights of a row stay in registers; an input value is broadcast once and serves up to
 * seven output pixels. */
#define CONV7_PIXELS 20
V_INLINE void conv7_tile(
    const ul_conv7 *p, const float *weights, size_t channel, size_t x, const int n) {
    for (size_t part = 0; part < UL_LANES; part += V_WIDTH) {
        v_float sum[CONV7_PIXELS], w[7];
        v_float bias = v_load(p->bias + channel + part);
        V_UNROLL for (int i = 0; i < n; i++) sum[i] = bias;
        const float *tap = weights + part;
        for (size_t row = 0; row < p->cin * 7; row++, tap += 7 * UL_LANES) {
            V_UNROLL for (int t = 0; t < 7; t++) w[t] = v_load(tap + t * UL_LANES);
            const float *in = p->rows[row % 7] + row / 7 * p->in_plane + x;
            V_UNROLL for (int i = 0; i < n + 6; i++) {
                v_float value = v_set(in[i]);
                V_UNROLL for (int t = 0; t < 7; t++) if (i - t >= 0 && i - t < n) sum[i - t] =
                    v_fma(value, w[t], sum[i - t]);
            }
        }
        V_UNROLL for (int i = 0; i < n; i++)
            v_store(p->out + (x + (size_t)i) * p->out_stride + channel + part, sum[i]);
    }
}

#else

#define CONV7_PIXELS 6
V_INLINE void conv7_tile(
    const ul_conv7 *p, const float *weights, size_t channel, size_t x, const int n) {
    v_float sum[CONV7_PIXELS * VECTORS], w[VECTORS];
    V_UNROLL for (int i = 0; i < n * VECTORS; i++) sum[i] =
        v_load(p->bias + channel + (size_t)(i % VECTORS) * V_WIDTH);
    const float *tap = weights;
    for (size_t row = 0; row < p->cin * 7; row++) {
        const float *in = p->rows[row % 7] + row / 7 * p->in_plane + x;
        V_UNROLL for (int t = 0; t < 7; t++, tap += UL_LANES) {
            load_weights(w, tap, 0, 1);
            V_UNROLL for (int i = 0; i < n; i++) {
                v_float value = v_set(in[i + t]);
                V_UNROLL for (int j = 0; j < VECTORS; j++) sum[i * VECTORS + j] =
                    v_fma(value, w[j], sum[i * VECTORS + j]);
            }
        }
    }
    V_UNROLL for (int i = 0; i < n * VECTORS; i++)
        v_store(p->out + (x + (size_t)(i / VECTORS)) * p->out_stride + channel +
                    (size_t)(i % VECTORS) * V_WIDTH,
            sum[i]);
}

#endif

static void conv7(const ul_conv7 *p) {
    for (size_t channel = 0; channel < p->cout; channel += UL_LANES) {
        const float *weights = p->weights + channel * p->cin * 49;
        size_t x = 0;
        for (; x + CONV7_PIXELS <= p->width; x += CONV7_PIXELS)
            conv7_tile(p, weights, channel, x, CONV7_PIXELS);
        for (; x + 4 <= p->width; x += 4)
            conv7_tile(p, weights, channel, x, 4);
        for (; x < p->width; x++)
            conv7_tile(p, weights, channel, x, 1);
    }
}

/* --- 1x1 convolution to planar logits -------------------------------------------------------- */

static void project(const ul_project *p) {
    for (size_t k = 0; k < p->classes; k++) {
        const float *weights = p->weights + k * p->channels;
        for (size_t i = 0; i < p->pixels; i++) {
            v_float sum = v_zero();
            for (size_t c = 0; c < p->channels; c += V_WIDTH)
                sum = v_fma(v_load(weights + c), v_load(p->in + i * p->in_stride + c), sum);
            p->out[k * p->out_plane + i] = v_sum(sum) + p->bias[k];
        }
    }
}

/* --- The table ------------------------------------------------------------------------------- */

static size_t multiply_adds(size_t rounds, float *sink) {
    enum { CHAINS = 12 };
    v_float sum[CHAINS], factor = v_set(0.5f);
    V_UNROLL for (int i = 0; i < CHAINS; i++) sum[i] = v_set((float)i);
    for (size_t r = 0; r < rounds; r++)
        V_UNROLL for (int i = 0; i < CHAINS; i++) sum[i] = v_fma(sum[i], factor, factor);
    for (int i = 1; i < CHAINS; i++)
        sum[0] = v_add(sum[0], sum[i]);
    for (size_t lane = 0; lane < UL_LANES; lane += V_WIDTH)
        v_store(sink + lane, sum[0]);
    return rounds * CHAINS * V_WIDTH;
}

#define INIT_FORWARD UL_SIMD(ul_kernels_init)
void INIT_FORWARD(ul_kernels *kernels) {
    kernels->pointwise = pointwise;
    kernels->pointwise_pool = pointwise_pool;
    kernels->cross = cross;
    kernels->conv7 = conv7;
    kernels->project = project;
    kernels->gelu = gelu;
    kernels->multiply_adds = multiply_adds;
}
