/* Functions over the vector vocabulary. */
#pragma once

#include "libulite/kernels/vec.h"

/* 2^round(a) for -126 <= a <= 127, and a's remainder a - round(a). */
#if defined(__AVX512F__)
V_INLINE v_float v_split_exp2(v_float a, v_float *remainder) {
    const v_float whole = _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    *remainder = _mm512_sub_ps(a, whole);
    return _mm512_scalef_ps(_mm512_set1_ps(1.0f), whole);
}
/* a where the sign bit of x is set, else b */
V_INLINE v_float v_select_negative(v_float x, v_float a, v_float b) {
    return _mm512_mask_mov_ps(b, _mm512_movepi32_mask(_mm512_castps_si512(x)), a);
}
#elif defined(__AVX2__)
V_INLINE v_float v_split_exp2(v_float a, v_float *remainder) {
    const __m256i whole = _mm256_cvtps_epi32(a);
    *remainder = _mm256_sub_ps(a, _mm256_cvtepi32_ps(whole));
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_add_epi32(whole, _mm256_set1_epi32(127)), 23));
}
V_INLINE v_float v_select_negative(v_float x, v_float a, v_float b) {
    return _mm256_blendv_ps(b, a, x);
}
#else
V_INLINE v_float v_split_exp2(v_float a, v_float *remainder) {
    const int32x4_t whole = vcvtnq_s32_f32(a);
    *remainder = vsubq_f32(a, vcvtq_f32_s32(whole));
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(whole, vdupq_n_s32(127)), 23));
}
V_INLINE v_float v_select_negative(v_float x, v_float a, v_float b) {
    return vbslq_f32(vcltq_s32(vreinterpretq_s32_f32(x), vdupq_n_s32(0)), a, b);
}
#endif

/* e^a for a <= 0 within 1e-7 (1 + |a|) relative; 1e-38 or so below -87. */
V_INLINE v_float v_exp_negative(v_float a) {
    v_float r;
    const v_float power = v_split_exp2(v_mul(v_max(a, v_set(-87.0f)), v_set(1.44269504f)), &r);
    /* 2^r on [-1/2, 1/2], the Taylor series of e^(r ln 2) */
    v_float y = v_set(1.5403530e-4f);
    y = v_fma(y, r, v_set(1.3333558e-3f));
    y = v_fma(y, r, v_set(9.6181291e-3f));
    y = v_fma(y, r, v_set(5.5504109e-2f));
    y = v_fma(y, r, v_set(2.4022651e-1f));
    y = v_fma(y, r, v_set(6.9314718e-1f));
    y = v_fma(y, r, v_set(1.0f));
    return v_mul(y, power);
}

/* The standard normal distribution function Phi(x), within 1e-7, and e^(-x^2 / 2).
 * erfc(z) = e^(-z^2) t Q(t) with t = 1 / (1 + 0.4 z); Q is the least-squares fit of degree 9. */
V_INLINE v_float v_normal_cdf(v_float x, v_float *bell) {
    static const float q[10] = {0.225711779f, 0.224855826f, 0.215732320f, 0.125815954f,
        0.283447717f, -0.305956959f, 0.573856414f, -0.518963500f, 0.206723568f, -0.0312231149f};
    const v_float t = v_div(v_set(1.0f), v_fma(v_abs(x), v_set(0.4f * 0.70710678f), v_set(1.0f)));
    v_float y = v_set(q[9]);
    for (int i = 8; i >= 0; i--)
        y = v_fma(y, t, v_set(q[i]));
    *bell = v_exp_negative(v_mul(v_mul(x, x), v_set(-0.5f)));
    /* Phi(-|x|) */
    const v_float tail = v_mul(v_mul(v_mul(y, t), *bell), v_set(0.5f));
    return v_select_negative(x, tail, v_sub(v_set(1.0f), tail));
}
