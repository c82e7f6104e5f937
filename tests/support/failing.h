/* Allocations, and starts of threads, that fail when they are told to. A test links failing.c, and
 * the linker leads the calls of the libraries under test to it (ulite_failing_test in
 * tests/CMakeLists.txt). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

extern bool failing_on;               /* allocations count, and one of them fails */
extern bool failing_threads_on;       /* starts of threads count, and so do they */
extern size_t failing_at;             /* which, from 0 */
extern size_t failing_seen;           /* how many there were */
extern atomic_size_t failing_started; /* threads that were started, whatever is on */
