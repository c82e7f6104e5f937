/* Pseudo-random numbers that are the same on every machine: xoshiro256**, seeded by splitmix64
 * (Blackman and Vigna, public domain algorithms). Not for secrets. */
#ifndef ULITE_RANDOM_H
#define ULITE_RANDOM_H

#include "ulite/status.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The whole state: copy it to save or fork a sequence. */
typedef struct ul_random {
    uint64_t state[4];
} ul_random;

/* Starts the sequence number `stream` of a seed; different streams are independent. */
UL_API void ul_random_seed(ul_random *random, uint64_t seed, uint64_t stream);

UL_API uint64_t ul_random_next(ul_random *random); /* 64 random bits */

UL_API double ul_random_uniform(ul_random *random, double low, double high); /* in [low, high) */

/* An integer of 0..bound-1 without bias; bound >= 1. */
UL_API uint64_t ul_random_below(ul_random *random, uint64_t bound);

UL_API double ul_random_normal(ul_random *random); /* mean 0, standard deviation 1 */

/* Puts indices 0..count-1 in a random order. */
UL_API void ul_random_shuffle(ul_random *random, size_t *indices, size_t count);

#ifdef __cplusplus
}
#endif
#endif
