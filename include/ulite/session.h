/* Inference: a session plans once per (model, height, width, threads) and then runs slices through
 * it. */
#ifndef ULITE_SESSION_H
#define ULITE_SESSION_H

#include "ulite/model.h"
#include "ulite/resources.h"

UL_BEGIN_C

/* Instruction-set levels of the kernels, see ul_cpu_isa(). */
typedef enum ul_isa {
    UL_ISA_SCALAR = 0,
    UL_ISA_NEON,
    UL_ISA_AVX2,
    UL_ISA_AVX512,
    UL_ISA_COUNT
} ul_isa;

UL_API const char *ul_isa_name(ul_isa level); /* "scalar", "neon", "avx2", "avx512" */

/* The level that new sessions use: the best that this machine has, or the one that the environment
 * variable ULITE_CPU names. Errors: UL_ERROR_USAGE for an unknown word or a level that is not
 * there. */
UL_API ul_status ul_cpu_isa(ul_isa *level, ul_error *error);

typedef struct ul_session ul_session;

/* Images of other sizes are the caller's to pad and crop: the network is not told where an image
 * ends, and what stands around it shows in the logits near its edge. ulite's own jobs, for
 * training and inference alike, normalises first, then puts zeros around, as many on both sides
 * (one more at the right or the bottom where they are odd), and crops the logits back
 * (docs/model-format.md); a model is best run as it was trained. */
typedef struct ul_session_options {
    size_t height, width; /* pixels of a slice */
    int threads;          /* 0: ul_default_threads(); at most UL_MOST_THREADS */
    bool grey; /* input has one channel that stands for all C_in, equal ones (exact, faster) */
    size_t slices_bytes; /* most memory for slices that threads run side by side, one each
                            (fastest); where they need more, all threads share each slice, whose
                            tensors are in memory once; 0: no limit */
} ul_session_options;

/* height = width = 256, threads = 0, grey = false, slices_bytes = 0. */
UL_API void ul_session_options_init(ul_session_options *options);

/* Folds and packs the weights, plans the buffers by their lifetimes and allocates them once.
 * options NULL: as ul_session_options_init leaves them. The model must outlive the session. One
 * session per calling thread. Starts the session's threads, or as many as the system lets it
 * (ul_session_threads). Errors: UL_ERROR_USAGE (sizes, threads, or ULITE_CPU as of ul_cpu_isa),
 * UL_ERROR_LIMIT (memory). On failure *session is NULL. */
UL_API ul_status ul_session_create(const ul_model *model, const ul_session_options *options,
    ul_session **session, ul_error *error);

UL_API void ul_session_close(ul_session *session); /* NULL is fine */

/* Runs slices. input: [slices][C][height][width] with C = C_in, or 1 where the options say grey;
 * logits: [slices][K][height][width]; both float32, planar, the caller's, with their sizes in
 * floats, which say how many slices there are. Allocates nothing.
 * Slices run in parallel where there are at least as many as threads, else pixels do; the result is
 * bit-identical for any thread count at one level. Cannot fail for any values. Errors:
 * UL_ERROR_USAGE where the sizes are not those of as many whole slices; logits are then as they
 * were. */
UL_API ul_status ul_session_run(ul_session *session, const float *input, size_t input_size,
    float *logits, size_t logits_size, ul_error *error);

/* Floats of one slice of the input, and of its logits. */
UL_API size_t ul_session_input_size(const ul_session *session);
UL_API size_t ul_session_logits_size(const ul_session *session);

/* Bytes of the session's one block; the level and the number of threads that it runs at. */
UL_API size_t ul_session_arena_bytes(const ul_session *session);
UL_API ul_isa ul_session_isa(const ul_session *session);
UL_API int ul_session_threads(const ul_session *session);

/* The session's threads, for other work between its runs; they end with it. NULL where there is
 * one. */
UL_API ul_team *ul_session_team(const ul_session *session);

/* Whether all threads share each slice, whatever the count, to keep to slices_bytes. */
UL_API bool ul_session_shares_slices(const ul_session *session);

/* Measurements: the machine's peak, the work in a slice, the time of each block. */

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
 * shortest time, 0 where runs is 0. input, logits and errors as in ul_session_run for one slice. */
UL_API ul_status ul_session_profile(ul_session *session, const float *input, size_t input_size,
    float *logits, size_t logits_size, int runs, ul_block_time blocks[UL_BLOCKS], ul_error *error);

UL_END_C
#endif
