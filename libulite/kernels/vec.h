/* The vector vocabulary that SIMD kernels are written in: one source over this header is compiled
 * once per level by ulite_simd_source() (cmake/simd.cmake), and UL_SIMD(name) gives each copy's
 * entry a name of its own.
 *
 * Layout rules that the kernels rely on: activations are NHWC, channels padded with zeros to a
 * multiple of UL_LANES = 16 floats (a multiple of every V_WIDTH), so that no kernel has a channel
 * tail. Pixel strides are explicit. Loads and stores may be unaligned; buffers are 64-byte aligned
 * where speed counts. */
#ifndef UL_VEC_H
#define UL_VEC_H

#include <stddef.h>

#define UL_SIMD_PASTE_(name, suffix) name##_##suffix
#define UL_SIMD_PASTE(name, suffix) UL_SIMD_PASTE_(name, suffix)
#define UL_SIMD(name) UL_SIMD_PASTE(name, UL_SIMD_SUFFIX)

#define V_LINE 16 /* floats of a cache line */
#define V_INLINE static inline __attribute__((always_inline))

/* Unrolls the loop that follows: its trip count is a constant of at most 32. */
#if defined(__clang__)
#define V_UNROLL _Pragma("clang loop unroll(full)")
#else
#define V_UNROLL _Pragma("GCC unroll 32")
#endif

/* v_float: V_WIDTH floats. v_double: half as many doubles, loaded from floats and rounded to floats
 * where they are stored. */
#if defined(__AVX512F__)

#include <immintrin.h>
#define V_WIDTH 16
#define V_REGISTERS 32
typedef __m512 v_float;

V_INLINE v_float v_zero(void) {
    return _mm512_setzero_ps();
}
V_INLINE v_float v_set(float x) {
    return _mm512_set1_ps(x);
}
V_INLINE v_float v_load(const float *p) {
    return _mm512_loadu_ps(p);
}
V_INLINE void v_store(float *p, v_float a) {
    _mm512_storeu_ps(p, a);
}
V_INLINE v_float v_add(v_float a, v_float b) {
    return _mm512_add_ps(a, b);
}
V_INLINE v_float v_sub(v_float a, v_float b) {
    return _mm512_sub_ps(a, b);
}
V_INLINE v_float v_mul(v_float a, v_float b) {
    return _mm512_mul_ps(a, b);
}
V_INLINE v_float v_div(v_float a, v_float b) {
    return _mm512_div_ps(a, b);
}
V_INLINE v_float v_sqrt(v_float a) {
    return _mm512_sqrt_ps(a);
}
/* a * b + c, rounded once */
V_INLINE v_float v_fma(v_float a, v_float b, v_float c) {
    return _mm512_fmadd_ps(a, b, c);
}
/* c - a * b, rounded once */
V_INLINE v_float v_fnma(v_float a, v_float b, v_float c) {
    return _mm512_fnmadd_ps(a, b, c);
}
V_INLINE v_float v_abs(v_float a) {
    return _mm512_abs_ps(a);
}
/* Where an operand is NaN, x86 answers b. */
V_INLINE v_float v_max(v_float a, v_float b) {
    return _mm512_max_ps(a, b);
}
V_INLINE v_float v_min(v_float a, v_float b) {
    return _mm512_min_ps(a, b);
}

typedef __m512d v_double;
V_INLINE v_double vd_set(float x) {
    return _mm512_cvtps_pd(_mm256_set1_ps(x));
}
V_INLINE v_double vd_load(const float *p) {
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}
V_INLINE v_double vd_load_double(const double *p) {
    return _mm512_loadu_pd(p);
}
V_INLINE void vd_store(float *p, v_double a) {
    _mm256_storeu_ps(p, _mm512_cvtpd_ps(a));
}
V_INLINE v_double vd_fma(v_double a, v_double b, v_double c) {
    return _mm512_fmadd_pd(a, b, c);
}
/* The largest of all lanes; what it is where one is NaN is left open. */
V_INLINE float v_highest(v_float a) {
    return _mm512_reduce_max_ps(a);
}
/* Four lanes that add up to all lanes. */
V_INLINE __m128 v_quarter(v_float a) {
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

#elif defined(__AVX2__)

#include <immintrin.h>
#define V_WIDTH 8
#define V_REGISTERS 16
typedef __m256 v_float;

V_INLINE v_float v_zero(void) {
    return _mm256_setzero_ps();
}
V_INLINE v_float v_set(float x) {
    return _mm256_set1_ps(x);
}
V_INLINE v_float v_load(const float *p) {
    return _mm256_loadu_ps(p);
}
V_INLINE void v_store(float *p, v_float a) {
    _mm256_storeu_ps(p, a);
}
V_INLINE v_float v_add(v_float a, v_float b) {
    return _mm256_add_ps(a, b);
}
V_INLINE v_float v_sub(v_float a, v_float b) {
    return _mm256_sub_ps(a, b);
}
V_INLINE v_float v_mul(v_float a, v_float b) {
    return _mm256_mul_ps(a, b);
}
V_INLINE v_float v_div(v_float a, v_float b) {
    return _mm256_div_ps(a, b);
}
V_INLINE v_float v_sqrt(v_float a) {
    return _mm256_sqrt_ps(a);
}
V_INLINE v_float v_fma(v_float a, v_float b, v_float c) {
    return _mm256_fmadd_ps(a, b, c);
}
V_INLINE v_float v_fnma(v_float a, v_float b, v_float c) {
    return _mm256_fnmadd_ps(a, b, c);
}
V_INLINE v_float v_abs(v_float a) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
V_INLINE v_float v_max(v_float a, v_float b) {
    return _mm256_max_ps(a, b);
}
V_INLINE v_float v_min(v_float a, v_float b) {
    return _mm256_min_ps(a, b);
}

typedef __m256d v_double;
V_INLINE v_double vd_set(float x) {
    return _mm256_cvtps_pd(_mm_set1_ps(x));
}
V_INLINE v_double vd_load(const float *p) {
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
}
V_INLINE v_double vd_load_double(const double *p) {
    return _mm256_loadu_pd(p);
}
V_INLINE void vd_store(float *p, v_double a) {
    _mm_storeu_ps(p, _mm256_cvtpd_ps(a));
}
V_INLINE v_double vd_fma(v_double a, v_double b, v_double c) {
    return _mm256_fmadd_pd(a, b, c);
}
V_INLINE float v_highest(v_float a) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_shuffle_ps(four, four, 1)));
}
V_INLINE __m128 v_quarter(v_float a) {
    return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
}

#elif defined(__aarch64__)

#include <arm_neon.h>
#define V_WIDTH 4
#define V_REGISTERS 32
typedef float32x4_t v_float;

V_INLINE v_float v_zero(void) {
    return vdupq_n_f32(0.0f);
}
V_INLINE v_float v_set(float x) {
    return vdupq_n_f32(x);
}
V_INLINE v_float v_load(const float *p) {
    return vld1q_f32(p);
}
V_INLINE void v_store(float *p, v_float a) {
    vst1q_f32(p, a);
}
V_INLINE v_float v_add(v_float a, v_float b) {
    return vaddq_f32(a, b);
}
V_INLINE v_float v_sub(v_float a, v_float b) {
    return vsubq_f32(a, b);
}
V_INLINE v_float v_mul(v_float a, v_float b) {
    return vmulq_f32(a, b);
}
V_INLINE v_float v_div(v_float a, v_float b) {
    return vdivq_f32(a, b);
}
V_INLINE v_float v_sqrt(v_float a) {
    return vsqrtq_f32(a);
}
V_INLINE v_float v_fma(v_float a, v_float b, v_float c) {
    return vfmaq_f32(c, a, b);
}
V_INLINE v_float v_fnma(v_float a, v_float b, v_float c) {
    return vfmsq_f32(c, a, b);
}
V_INLINE v_float v_abs(v_float a) {
    return vabsq_f32(a);
}
/* Where an operand is NaN, NEON answers NaN. */
V_INLINE v_float v_max(v_float a, v_float b) {
    return vmaxq_f32(a, b);
}
V_INLINE v_float v_min(v_float a, v_float b) {
    return vminq_f32(a, b);
}

typedef float64x2_t v_double;
V_INLINE v_double vd_set(float x) {
    return vdupq_n_f64(x);
}
V_INLINE v_double vd_load(const float *p) {
    return vcvt_f64_f32(vld1_f32(p));
}
V_INLINE v_double vd_load_double(const double *p) {
    return vld1q_f64(p);
}
V_INLINE void vd_store(float *p, v_double a) {
    vst1_f32(p, vcvt_f32_f64(a));
}
V_INLINE v_double vd_fma(v_double a, v_double b, v_double c) {
    return vfmaq_f64(c, a, b);
}
V_INLINE float v_highest(v_float a) {
    return vmaxvq_f32(a);
}
/* The sum of all lanes, and four of them; both add in the same order. */
V_INLINE float v_sum(v_float a) {
    return vaddvq_f32(a);
}
V_INLINE void v_sum4(float *sums, v_float a, v_float b, v_float c, v_float d) {
    vst1q_f32(sums, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
}

#else
#error "vec.h is for SIMD sources, built by ulite_simd_source()"
#endif

#if defined(__AVX2__)
/* The sum of all lanes, and four of them; both add in the same order. */
V_INLINE float v_sum(v_float a) {
    __m128 quarter = v_quarter(a);
    quarter = _mm_hadd_ps(quarter, quarter);
    return _mm_cvtss_f32(_mm_hadd_ps(quarter, quarter));
}
V_INLINE void v_sum4(float *sums, v_float a, v_float b, v_float c, v_float d) {
    __m128 ab = _mm_hadd_ps(v_quarter(a), v_quarter(b));
    __m128 cd = _mm_hadd_ps(v_quarter(c), v_quarter(d));
    _mm_storeu_ps(sums, _mm_hadd_ps(ab, cd));
}
#endif

#endif
