/* cmocka compares floats only. */
#pragma once

#include <math.h>

#define assert_near(got, expected, tolerance)                                                      \
    assert_true(fabs((double)(got) - (double)(expected)) <= (tolerance))
