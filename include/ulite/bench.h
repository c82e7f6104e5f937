/* Measurements: the machine's peak, the work in a slice, the time of each block. */
#ifndef ULITE_BENCH_H
#define ULITE_BENCH_H

#include "ulite/session.h"

#ifdef __cplusplus
extern "C" {
#endif

#define UL_BLOCKS 11 /* e1 (with conv_in) .. e5, b5, d5 .. d1 (with conv_out) */

/* Multiply-adds of one block, of a slice after the exact reductions (docs/numerics.md), and the
 * shortest time seen. */
typedef struct ul_block_time {
    const char *name;
    double multiply_adds;
    double seconds;
} ul_block_time;

/* The most multiply-adds per second that this many threads (1 or more) reach together in registers
 * at this level, the best of several runs; 0 where the machine lacks the level. Takes about 0.1 s.
 */
UL_API double ul_bench_peak(ul_isa level, int threads);

/* Multiply-adds in one slice of the session's size. */
UL_API double ul_session_multiply_adds(const ul_session *session);

/* Runs the slice `runs` times, shared by all threads of the session, and gives each block's
 * shortest time, 0 where runs is 0. input, logits and error as in ul_session_run for one slice:
 * always UL_OK. */
UL_API ul_status ul_session_profile(ul_session *session, const float *input, float *logits,
    int runs, ul_block_time blocks[UL_BLOCKS], ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
