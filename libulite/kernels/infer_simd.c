/* The forward kernels over the vector vocabulary; compiled once per level.
 *
 * Tiles: a tile of n pixels times some output vectors lives in registers. Row ends are served by
 * smaller tiles, and since every tile size does the same operations per pixel in the same order, no
 * result depends on the tiling. */
#include "libulite/kernels/kernels.h"
#include "libulite/kernels/vec.h"

#define VECTORS (UL_LANES / V_WIDTH) /* of one block of 16 channels */

/* --- GELU ------------------------------------------------------------------------------------ */

/* max(x, 0) - a Q(a) with a = |x| and Q the upper tail of the normal distribution, 1 / P(a)^8 with
 * a minimax polynomial P. Error below 2e-7 max(1, |gelu|) for every x (docs/numerics.md). From
 * limit on the second term is lost in rounding. */
V_INLINE v_float gelu_vector(v_float x) {
    const float limit = 8.0f;
    v_float a = v_min(v_set(limit), v_abs(x));
    v_float p = v_fma(v_set(3.35459686e-06f), a, v_set(-2.03824784e-05f));
    p = v_fma(p, a, v_set(1.18096061e-04f));
    p = v_fma(p, a, v_set(8.74824109e-05f));
    p = v_fma(p, a, v_set(1.12562464e-03f));
    p = v_fma(p, a, v_set(9.31580737e-03f));
    p = v_fma(p, a, v_set(4.88703959e-02f));
    p = v_fma(p, a, v_set(1.08752005e-01f));
    p = v_fma(p, a, v_set(1.09050834f));
    p = v_mul(p, p);
    p = v_mul(p, p);
    p = v_mul(p, p);
    return v_sub(v_max(v_zero(), x), v_div(a, p));
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
#define PIXELS_1 26
#define DEPTH_1 4
#define PIXELS_2 14
#define POOLED_1 6
#define POOLED_2 3
#else
#define PIXELS_1 6
#define DEPTH_1 1
#define POOLED_1 1
#endif

V_INLINE void load_weights(v_float *w, const float *weights, size_t block_floats, int blocks) {
    V_UNROLL for (int j = 0; j < blocks * VECTORS; j++) w[j] =
        v_load(weights + (size_t)(j / VECTORS) * block_floats + (size_t)(j % VECTORS) * V_WIDTH);
}

/* Adds depth input channels of n pixels. */
V_INLINE void multiply(v_float *sum, const float *in, size_t stride, const float *weights,
    size_t block_floats, const int n, const int blocks, const int depth) {
    const int vectors = blocks * VECTORS;
    v_float w[8];
    V_UNROLL for (int k = 0; k < depth; k++)
        load_weights(w + k * vectors, weights + k * UL_LANES, block_floats, blocks);
    V_UNROLL for (int i = 0; i < n; i++) {
        V_UNROLL for (int k = 0; k < depth; k++) {
            v_float value = v_set(in[k]);
            V_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] =
                v_fma(value, w[k * vectors + j], sum[i * vectors + j]);
        }
        in += stride;
    }
}

/* Pixels x .. x + n - 1 of row y, blocks blocks of channels from channel on. */
V_INLINE void pointwise_tile(
    const ul_pointwise *p, size_t y, size_t x, size_t channel, const int n, const int blocks) {
    const int vectors = blocks * VECTORS;
    v_float sum[32];
    const float *init = p->init + (y >> p->init_shift) * p->init_row + channel;
    V_UNROLL for (int i = 0; i < n; i++) {
        const float *start = init + ((x + (size_t)i) >> p->init_shift) * p->init_stride;
        V_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] =
            v_load(start + j * V_WIDTH);
    }
    const float *in = p->in + y * p->in_row + x * p->in_stride;
    const float *weights = p->weights + channel * p->cin;
    const size_t stride = p->in_stride, block_floats = p->cin * UL_LANES;
    const int depth = blocks == 1 ? DEPTH_1 : 1; /* NOLINT: DEPTH_1 is 1 at some levels */
    if (channel == 0) /* the only pass that finds its input far away: ask for the tile after next */
        for (size_t i = 2 * (size_t)n; i < 3 * (size_t)n; i++)
            for (size_t c = 0; c < p->cin; c += V_LINE)
                __builtin_prefetch(in + i * stride + c);
    size_t k = 0;
    for (; k + (size_t)depth <= p->cin; k += (size_t)depth)
        multiply(sum, in + k, stride, weights + k * UL_LANES, block_floats, n, blocks, depth);
    for (; k < p->cin; k++)
        multiply(sum, in + k, stride, weights + k * UL_LANES, block_floats, n, blocks, 1);
    float *out = p->out + y * p->out_row + x * p->out_stride + channel;
    V_UNROLL for (int i = 0; i < n; i++) {
        V_UNROLL for (int j = 0; j < vectors; j++)
            v_store(out + (size_t)i * p->out_stride + j * V_WIDTH, sum[i * vectors + j]);
    }
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
}

/* One function per tile size: n becomes a constant, the tile stays in registers. */
typedef void tile_function(const ul_pointwise *p, size_t y, size_t x, size_t channel);
/* clang-format off */
#define DEFINE(kind, blocks, n) \
    static void kind##_##blocks##_##n(const ul_pointwise *p, size_t y, size_t x, size_t channel) { \
        kind##_tile(p, y, x, channel, n, blocks); \
    }
#define NAME(kind, blocks, n) kind##_##blocks##_##n,
#define TO_1(T, k, b) T(k, b, 1)
#define TO_3(T, k, b) T(k, b, 1) T(k, b, 2) T(k, b, 3)
#define TO_6(T, k, b) TO_3(T, k, b) T(k, b, 4) T(k, b, 5) T(k, b, 6)
#define TO_14(T, k, b) TO_6(T, k, b) T(k, b, 7) T(k, b, 8) T(k, b, 9) T(k, b, 10) T(k, b, 11) \
    T(k, b, 12) T(k, b, 13) T(k, b, 14)
#define TO_26(T, k, b) TO_14(T, k, b) T(k, b, 15) T(k, b, 16) T(k, b, 17) T(k, b, 18) T(k, b, 19) \
    T(k, b, 20) T(k, b, 21) T(k, b, 22) T(k, b, 23) T(k, b, 24) T(k, b, 25) T(k, b, 26)
#define TILES(upto, kind, blocks) \
    upto(DEFINE, kind, blocks) \
    static tile_function *const kind##_##blocks[] = {upto(NAME, kind, blocks)};
#if V_WIDTH == 16
TILES(TO_26, pointwise, 1)
TILES(TO_14, pointwise, 2)
TILES(TO_6, pool, 1)
TILES(TO_3, pool, 2)
#else
TILES(TO_6, pointwise, 1)
TILES(TO_1, pool, 1)
#endif
/* clang-format on */

/* GELU of finished pixels that are still in the nearest cache: in every tile it would be short of
 * independent work and a copy of its code. */
static void finish_pixels(
    const ul_pointwise *p, size_t y, size_t x, size_t pixels, size_t channel, size_t channels) {
    if (p->gelu)
        gelu_pixels(
            p->out + y * p->out_row + x * p->out_stride + channel, p->out_stride, pixels, channels);
}

/* Covers every row with tiles of at most `largest` pixels and nearly equal size, of so many
 * channels. */
static void run_tiles(const ul_pointwise *p, size_t channel, size_t channels,
    tile_function *const *tiles, size_t largest) {
    enum { FINISHED = 48 };
    size_t count = (p->width + largest - 1) / largest;
    size_t size = p->width / count, longer = p->width % count;
    for (size_t y = 0; y < p->rows; y++)
        for (size_t i = 0, x = 0, first = 0; i < count; i++) {
            size_t n = size + (i < longer);
            tiles[n - 1](p, y, x, channel);
            x += n;
            if (x - first >= FINISHED || i + 1 == count) {
                finish_pixels(p, y, first, x - first, channel, channels);
                first = x;
            }
        }
}

static void pointwise(const ul_pointwise *p) {
    size_t channel = 0;
    if (p->width == 0)
        return;
#if V_WIDTH == 16
    for (; channel + 2 * UL_LANES <= p->cout; channel += 2 * UL_LANES)
        run_tiles(p, channel, 2 * UL_LANES, pointwise_2, PIXELS_2);
#endif
    for (; channel < p->cout; channel += UL_LANES)
        run_tiles(p, channel, UL_LANES, pointwise_1, PIXELS_1);
}

static void pointwise_pool(const ul_pointwise *p) {
    size_t channel = 0;
    if (p->width == 0)
        return;
#if V_WIDTH == 16
    for (; channel + 2 * UL_LANES <= p->cout; channel += 2 * UL_LANES)
        run_tiles(p, channel, 2 * UL_LANES, pool_2, POOLED_2);
#endif
    for (; channel < p->cout; channel += UL_LANES)
        run_tiles(p, channel, UL_LANES, pool_1, POOLED_1);
}

/* --- Axial cross ----------------------------------------------------------------------------- */

/* Which columns of a tile's neighbourhood lie in the image. */
typedef enum edge { EDGE_NONE, EDGE_LEFT, EDGE_RIGHT } edge;

/* The tile of cross7_channels: its weights and CROSS_ROWS * CROSS_PIXELS sums are in registers
 * where there are 32. */
#define CROSS_ROWS 4
#define CROSS_PIXELS (V_REGISTERS == 32 ? 3 : 2)
#define CROSS_EDGE 3
#define CROSS_AHEAD 6 /* pixels that the newest rows are asked for in advance */

/* One vector of channels, from c on, of rows y .. and pixels x .. . The tile lies at a horizontal
 * edge of the image, where it then is CROSS_EDGE pixels wide, or all its neighbours are inside. */
V_INLINE void cross7_tile(const ul_cross *p, const v_float *w, size_t c, size_t y, size_t x,
    const int rows, const int n, const edge at) {
    v_float sum[CROSS_ROWS * 4];
    const size_t stride = p->in_stride;
    V_UNROLL for (int i = 0; i < rows * n; i++) sum[i] = w[13];
    V_UNROLL for (int j = 0; j < rows + 6; j++) {
        const float *in = p->in[y + (size_t)j] + x * stride + c;
        V_UNROLL for (int i = 0; i < n; i++) {
            v_float value = v_load(in + (size_t)i * stride);
            if (V_WIDTH == V_LINE && j >= 6) /* rows that no block before has read */
                __builtin_prefetch(in + (size_t)(i + CROSS_AHEAD) * stride);
            V_UNROLL for (int r = 0; r < rows; r++) if (j - r >= 0 && j - r < 7) sum[r * n + i] =
                v_fma(value, w[j - r], sum[r * n + i]);
        }
    }
    V_UNROLL for (int r = 0; r < rows; r++) {
        const float *in = p->in[y + (size_t)r + 3] + x * stride + c;
        V_UNROLL for (int q = -3; q < n + 3; q++) {
            if ((at == EDGE_LEFT && q < 0) || (at == EDGE_RIGHT && q >= n))
                continue;
            v_float value = v_load(in + (ptrdiff_t)q * (ptrdiff_t)stride);
            V_UNROLL for (int i = 0; i < n; i++) {
                const int t = q - i + 3;
                if (t >= 0 && t < 7 && t != 3)
                    sum[r * n + i] = v_fma(value, w[t < 3 ? 7 + t : 6 + t], sum[r * n + i]);
            }
        }
    }
    float *out = p->out + y * p->out_row + x * p->out_stride + c;
    V_UNROLL for (int r = 0; r < rows; r++) {
        V_UNROLL for (int i = 0; i < n; i++)
            v_store(out + (size_t)r * p->out_row + (size_t)i * p->out_stride, sum[r * n + i]);
    }
}

V_INLINE void cross7_rows(const ul_cross *p, const v_float *w, size_t c, size_t y, const int rows) {
    const size_t last = p->width - CROSS_EDGE;
    size_t x = CROSS_EDGE;
    cross7_tile(p, w, c, y, 0, rows, CROSS_EDGE, EDGE_LEFT);
    for (; x + CROSS_PIXELS <= last; x += CROSS_PIXELS)
        cross7_tile(p, w, c, y, x, rows, CROSS_PIXELS, EDGE_NONE);
    for (; x < last; x++)
        cross7_tile(p, w, c, y, x, rows, 1, EDGE_NONE);
    cross7_tile(p, w, c, y, last, rows, CROSS_EDGE, EDGE_RIGHT);
}

/* Seven taps without dilation, at least two edges wide. */
static void cross7(const ul_cross *p) {
    v_float w[14];
    for (size_t c = 0; c < p->channels; c += V_WIDTH) {
        const float *weights = p->weights + c / UL_LANES * 14 * UL_LANES + c % UL_LANES;
        V_UNROLL for (int t = 0; t < 14; t++) w[t] = v_load(weights + t * UL_LANES);
        size_t y = 0;
        for (; y + CROSS_ROWS <= p->rows; y += CROSS_ROWS)
            cross7_rows(p, w, c, y, CROSS_ROWS);
        for (; y < p->rows; y++)
            cross7_rows(p, w, c, y, 1);
    }
}

/* Any cross, one pixel at a time. */
static void cross_any(const ul_cross *p) {
    const size_t centre = p->taps / 2, reach = centre * p->dilation;
    for (size_t c = 0; c < p->channels; c += V_WIDTH) {
        const float *weights = p->weights + c / UL_LANES * 2 * p->taps * UL_LANES + c % UL_LANES;
        for (size_t y = 0; y < p->rows; y++) {
            const float *const *in = p->in + y;
            for (size_t x = 0; x < p->width; x++) {
                const float *w = weights;
                v_float sum = v_load(w + (2 * p->taps - 1) * UL_LANES);
                for (size_t t = 0; t < p->taps; t++, w += UL_LANES)
                    sum = v_fma(v_load(in[t * p->dilation] + x * p->in_stride + c), v_load(w), sum);
                for (size_t t = 0; t < p->taps; t++) {
                    size_t at = x + t * p->dilation; /* counted from pixel -reach */
                    if (t == centre)
                        continue;
                    if (at >= reach && at - reach < p->width)
                        sum = v_fma(
                            v_load(in[reach] + (at - reach) * p->in_stride + c), v_load(w), sum);
                    w += UL_LANES;
                }
                v_store(p->out + y * p->out_row + x * p->out_stride + c, sum);
            }
        }
    }
}

static void cross(const ul_cross *p) {
    if (p->taps == 7 && p->dilation == 1 && p->width >= 2 * CROSS_EDGE)
        cross7(p);
    else
        cross_any(p);
}

/* --- 7x7 convolution ------------------------------------------------------------------------- */

/* One vector of channels at a time: the seven weights of a row stay in registers; an input value is
 * broadcast once and serves up to seven output pixels. */
#define CONV7_PIXELS (V_REGISTERS == 32 ? 20 : 8)

V_INLINE void conv7_tile(
    const ul_conv7 *p, const float *weights, size_t channel, size_t x, const int n) {
    v_float sum[20], w[7];
    v_float bias = v_load(p->bias + channel);
    V_UNROLL for (int i = 0; i < n; i++) sum[i] = bias;
    for (size_t plane = 0; plane < p->cin; plane++)
        for (size_t row = 0; row < 7; row++, weights += 7 * UL_LANES) {
            V_UNROLL for (int t = 0; t < 7; t++) w[t] = v_load(weights + t * UL_LANES);
            const float *in = p->rows[row] + plane * p->in_plane + x;
            V_UNROLL for (int i = 0; i < n + 6; i++) {
                v_float value = v_set(in[i]);
                V_UNROLL for (int t = 0; t < 7; t++) if (i - t >= 0 && i - t < n) sum[i - t] =
                    v_fma(value, w[t], sum[i - t]);
            }
        }
    V_UNROLL for (int i = 0; i < n; i++)
        v_store(p->out + (x + (size_t)i) * p->out_stride + channel, sum[i]);
}

static void conv7(const ul_conv7 *p) {
    for (size_t channel = 0; channel < p->cout; channel += V_WIDTH) {
        const float *weights =
            p->weights + channel / UL_LANES * p->cin * 49 * UL_LANES + channel % UL_LANES;
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

V_INLINE v_float project_pixel(const ul_project *p, const float *weights, v_float sum, size_t i) {
    const float *in = p->in + i * p->in_stride;
    for (size_t c = 0; c < p->channels; c += V_WIDTH)
        sum = v_fma(v_load(weights + c), v_load(in + c), sum);
    return sum;
}

static void project(const ul_project *p) {
    for (size_t k = 0; k < p->classes; k++) {
        const float *weights = p->weights + k * p->channels;
        const float first[V_WIDTH] = {p->bias[k]};
        v_float bias = v_load(first);
        float *out = p->out + k * p->out_plane;
        size_t i = 0;
        for (; i + 4 <= p->pixels; i += 4)
            v_sum4(out + i, project_pixel(p, weights, bias, i),
                project_pixel(p, weights, bias, i + 1), project_pixel(p, weights, bias, i + 2),
                project_pixel(p, weights, bias, i + 3));
        for (; i < p->pixels; i++)
            out[i] = v_sum(project_pixel(p, weights, bias, i));
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

void UL_SIMD(ul_kernels_init)(ul_kernels *kernels) {
    kernels->pointwise = pointwise;
    kernels->pointwise_pool = pointwise_pool;
    kernels->cross = cross;
    kernels->conv7 = conv7;
    kernels->project = project;
    kernels->gelu = gelu;
    kernels->multiply_adds = multiply_adds;
}
