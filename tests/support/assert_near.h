/* cmocka compares floats only. */
#ifndef ASSERT_NEAR_H
#define ASSERT_NEAR_H

#include <math.h>

#define assert_near(got, expected, tolerance)                                                      \
    assert_true(fabs((double)(got) - (double)(expected)) <= (tolerance))

#endif
