/* Three numbers: positions and directions in DICOM patient coordinates (LPS, mm). */
#pragma once

#include <array>
#include <cmath>

using vec3 = std::array<double, 3>;

inline vec3 operator+(const vec3 &a, const vec3 &b) {
    return {a[0] + b[0], a[1] + b[1], a[2] + b[2]};
}

inline vec3 operator-(const vec3 &a, const vec3 &b) {
    return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}

inline vec3 operator*(double s, const vec3 &a) {
    return {s * a[0], s * a[1], s * a[2]};
}

inline double dot(const vec3 &a, const vec3 &b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

inline vec3 cross(const vec3 &a, const vec3 &b) {
    return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

/* a turned about the unit axis by an angle in degrees, right-handed. */
inline vec3 rotate(const vec3 &a, const vec3 &axis, double degrees) {
    double angle = degrees * M_PI / 180, c = std::cos(angle), s = std::sin(angle);
    return c * a + s * cross(axis, a) + ((1 - c) * dot(axis, a)) * axis;
}
