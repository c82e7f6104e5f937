/* Random numbers that depend on a seed and a place only (splitmix64), never on a thread. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct random_stream {
    uint64_t state;
} random_stream;

static inline uint64_t random_u64(random_stream *stream) {
    uint64_t z = stream->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* An independent stream for a place, say (seed, step, item). */
static inline random_stream random_at(uint64_t seed, uint64_t a, uint64_t b) {
    random_stream stream = {seed};
    stream.state = random_u64(&stream) ^ a;
    stream.state = random_u64(&stream) ^ b;
    stream.state = random_u64(&stream);
    return stream;
}

/* A number that a name always has (FNV-1a), shuffled by the seed. */
static inline uint64_t random_of_name(uint64_t seed, const char *name) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    random_stream stream = random_at(seed, hash, 0);
    return random_u64(&stream);
}

/* In [0, 1). */
static inline double random_unit(random_stream *stream) {
    return (double)(random_u64(stream) >> 11) * 0x1p-53;
}

static inline double random_uniform(random_stream *stream, double low, double high) {
    return low + (high - low) * random_unit(stream);
}

static inline bool random_happens(random_stream *stream, double probability) {
    return random_unit(stream) < probability;
}

/* In 0..n-1; n > 0. */
static inline size_t random_below(random_stream *stream, size_t n) {
    return (size_t)(random_unit(stream) * (double)n);
}

/* Standard normal (Box-Muller). */
static inline double random_normal(random_stream *stream) {
    double radius = sqrt(-2.0 * log(1.0 - random_unit(stream)));
    return radius * cos(6.283185307179586 * random_unit(stream));
}
