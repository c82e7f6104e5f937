/* Pseudo-random numbers that are the same on every machine: xoshiro256**, seeded by splitmix64
 * (Blackman and Vigna, public domain algorithms). Not for secrets. */
#pragma once

#include <stdint.h>

/* The whole state: copy it to save or fork a sequence. */
typedef struct ul_random {
    uint64_t state[4];
} ul_random;

/* Starts the sequence number `stream` of a seed; different streams are independent. */
void ul_random_seed(ul_random *random, uint64_t seed, uint64_t stream);

uint64_t ul_random_next(ul_random *random); /* 64 random bits */

double ul_random_uniform(ul_random *random, double low, double high); /* in [low, high) */
