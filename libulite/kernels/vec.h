/* The vector vocabulary that SIMD kernels are written in: one source over this header is compiled
 * once per level by ulite_simd_source() (cmake/simd.cmake), and UL_SIMD(name) gives each copy's
 * entry a name of its own.
 *
 * Layout rules that the kernels rely on: activations are NHWC, channels padded with zeros to a
 * multiple of UL_LANES = 16 floats (a multiple of every V_WIDTH), so that no kernel has a channel
 * tail. Pixel strides are explicit. Loads and stores may be unaligned; buffers are 64-byte aligned
 * where speed counts. */
#pragma once

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
 * where they are stored. An operation is a line: what it is called and takes, and its value. */
#define V_FLOAT(head, value)                                                                       \
    V_INLINE v_float head {                                                                        \
        return value;                                                                              \
    }
#define V_DOUBLE(head, value)                                                                      \
    V_INLINE v_double head {                                                                       \
        return value;                                                                              \
    }

#if defined(__AVX2__)

#include <immintrin.h>
#if defined(__AVX512F__)
#define V_WIDTH 16
#define V_REGISTERS 32
#define V_MM(operation) _mm512_##operation
#define V_MM_HALF(operation) _mm256_##operation
typedef __m512 v_float;
typedef __m512d v_double;

V_FLOAT(v_abs(v_float a), _mm512_abs_ps(a))
/* The largest of all lanes; what it is where one is NaN is left open. */
V_INLINE float v_highest(v_float a) {
    return _mm512_reduce_max_ps(a);
}
/* Four lanes that add up to all lanes. */
V_INLINE __m128 v_quarter(v_float a) {
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
#else
#define V_WIDTH 8
#define V_REGISTERS 16
#define V_MM(operation) _mm256_##operation
#define V_MM_HALF(operation) _mm_##operation
typedef __m256 v_float;
typedef __m256d v_double;

V_FLOAT(v_abs(v_float a), _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a))
V_INLINE float v_highest(v_float a) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_shuffle_ps(four, four, 1)));
}
V_INLINE __m128 v_quarter(v_float a) {
    return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
}
#endif

V_FLOAT(v_zero(void), V_MM(setzero_ps()))
V_FLOAT(v_set(float x), V_MM(set1_ps(x)))
V_FLOAT(v_load(const float *p), V_MM(loadu_ps(p)))
V_FLOAT(v_add(v_float a, v_float b), V_MM(add_ps(a, b)))
V_FLOAT(v_sub(v_float a, v_float b), V_MM(sub_ps(a, b)))
V_FLOAT(v_mul(v_float a, v_float b), V_MM(mul_ps(a, b)))
V_FLOAT(v_div(v_float a, v_float b), V_MM(div_ps(a, b)))
V_FLOAT(v_sqrt(v_float a), V_MM(sqrt_ps(a)))
/* a * b + c and c - a * b, rounded once */
V_FLOAT(v_fma(v_float a, v_float b, v_float c), V_MM(fmadd_ps(a, b, c)))
V_FLOAT(v_fnma(v_float a, v_float b, v_float c), V_MM(fnmadd_ps(a, b, c)))
/* Where an operand is NaN, x86 answers b. */
V_FLOAT(v_max(v_float a, v_float b), V_MM(max_ps(a, b)))
V_FLOAT(v_min(v_float a, v_float b), V_MM(min_ps(a, b)))
V_INLINE void v_store(float *p, v_float a) {
    V_MM(storeu_ps(p, a));
}

V_DOUBLE(vd_set(float x), V_MM(cvtps_pd(V_MM_HALF(set1_ps(x)))))
V_DOUBLE(vd_load(const float *p), V_MM(cvtps_pd(V_MM_HALF(loadu_ps(p)))))
V_DOUBLE(vd_load_double(const double *p), V_MM(loadu_pd(p)))
V_DOUBLE(vd_fma(v_double a, v_double b, v_double c), V_MM(fmadd_pd(a, b, c)))
V_INLINE void vd_store(float *p, v_double a) {
    V_MM_HALF(storeu_ps(p, V_MM(cvtpd_ps(a))));
}
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

#elif defined(__aarch64__)

#include <arm_neon.h>
#define V_WIDTH 4
#define V_REGISTERS 32
typedef float32x4_t v_float;
typedef float64x2_t v_double;

V_FLOAT(v_zero(void), vdupq_n_f32(0.0f))
V_FLOAT(v_set(float x), vdupq_n_f32(x))
V_FLOAT(v_load(const float *p), vld1q_f32(p))
V_FLOAT(v_add(v_float a, v_float b), vaddq_f32(a, b))
V_FLOAT(v_sub(v_float a, v_float b), vsubq_f32(a, b))
V_FLOAT(v_mul(v_float a, v_float b), vmulq_f32(a, b))
V_FLOAT(v_div(v_float a, v_float b), vdivq_f32(a, b))
V_FLOAT(v_sqrt(v_float a), vsqrtq_f32(a))
V_FLOAT(v_fma(v_float a, v_float b, v_float c), vfmaq_f32(c, a, b))
V_FLOAT(v_fnma(v_float a, v_float b, v_float c), vfmsq_f32(c, a, b))
V_FLOAT(v_abs(v_float a), vabsq_f32(a))
/* Where an operand is NaN, NEON answers NaN. */
V_FLOAT(v_max(v_float a, v_float b), vmaxq_f32(a, b))
V_FLOAT(v_min(v_float a, v_float b), vminq_f32(a, b))
V_INLINE void v_store(float *p, v_float a) {
    vst1q_f32(p, a);
}

V_DOUBLE(vd_set(float x), vdupq_n_f64(x))
V_DOUBLE(vd_load(const float *p), vcvt_f64_f32(vld1_f32(p)))
V_DOUBLE(vd_load_double(const double *p), vld1q_f64(p))
V_DOUBLE(vd_fma(v_double a, v_double b, v_double c), vfmaq_f64(c, a, b))
V_INLINE void vd_store(float *p, v_double a) {
    vst1_f32(p, vcvt_f32_f64(a));
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
