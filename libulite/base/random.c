#include "libulite/base/random.h"

static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint64_t rotate_left(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

void ul_random_seed(ul_random *random, uint64_t seed, uint64_t stream) {
    uint64_t mixed_stream = stream;
    uint64_t start = seed ^ splitmix64(&mixed_stream);
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix64(&start);
}

uint64_t ul_random_next(ul_random *random) {
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* 53 random bits as a double in [0, 1). */
static double unit(ul_random *random) {
    return (double)(ul_random_next(random) >> 11) * 0x1p-53;
}

double ul_random_uniform(ul_random *random, double low, double high) {
    return low + (high - low) * unit(random);
}
