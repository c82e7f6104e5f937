/* Weights of uniform cubic B-splines, which make smooth random fields of control points. */
#pragma once

/* Weights of the four control points around t, which lies from 0 to 1 between the middle two. */
static inline void spline_weights(double t, float weight[4]) {
    double u = 1.0 - t;
    weight[0] = (float)(u * u * u / 6.0);
    weight[1] = (float)((3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0);
    weight[2] = (float)((3.0 * u * u * u - 6.0 * u * u + 4.0) / 6.0);
    weight[3] = (float)(t * t * t / 6.0);
}
