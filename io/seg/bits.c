#include "io/seg/bits.h"

#include <string.h>

#define BLOCK 64 /* pixels that are compared at a time: a trip count that compilers vectorise */

/* Eight bytes of 0 or 1 to eight bits, the first byte to the lowest bit: each byte's bit is moved
 * to a place of its own in the top byte of the product. */
static uint8_t gather_bits(const uint8_t flags[8]) {
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word |= (uint64_t)flags[i] << (8 * i);
    return (uint8_t)((word * UINT64_C(0x0102040810204080)) >> 56);
}

static void pack_block(const uint16_t *map, uint16_t number, uint8_t *bits) {
    uint8_t flags[BLOCK];
    for (size_t i = 0; i < BLOCK; i++)
        flags[i] = map[i] == number;
    for (size_t i = 0; i < BLOCK / 8; i++)
        bits[i] = gather_bits(flags + 8 * i);
}

void seg_bits_pack(
    const uint16_t *map, size_t count, uint16_t number, uint8_t *bits, size_t first_bit) {
    size_t i = 0;
    for (; i < count && (first_bit + i) % 8 != 0; i++)
        bits[(first_bit + i) / 8] |= (uint8_t)((map[i] == number) << ((first_bit + i) % 8));
    for (; i + BLOCK <= count; i += BLOCK)
        pack_block(map + i, number, bits + (first_bit + i) / 8);
    for (; i < count; i++)
        bits[(first_bit + i) / 8] |= (uint8_t)((map[i] == number) << ((first_bit + i) % 8));
}

static bool bit_at(const uint8_t *bits, size_t at) {
    return bits[at / 8] >> (at % 8) & 1;
}

/* Eight bits to eight bytes of 0 or 1: each byte of the product keeps a bit of its own, which an
 * addition carries to its top. */
static uint64_t spread_bits(uint8_t bits) {
    uint64_t word = bits * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
    word |= (word & UINT64_C(0x7f7f7f7f7f7f7f7f)) + UINT64_C(0x7f7f7f7f7f7f7f7f);
    return word >> 7 & UINT64_C(0x0101010101010101);
}

/* Unpacks the bits of a block rather than packing its labels: a fault of the packer shows. */
static bool block_equal(const uint8_t *bits, uint16_t number, const uint16_t *map) {
    uint8_t flags[BLOCK];
    for (size_t i = 0; i < BLOCK; i++)
        flags[i] = map[i] == number;
    uint64_t different = 0;
    for (size_t i = 0; i < BLOCK / 8; i++) {
        uint64_t word = 0;
        for (int j = 0; j < 8; j++)
            word |= (uint64_t)flags[8 * i + (size_t)j] << (8 * j);
        different |= word ^ spread_bits(bits[i]);
    }
    return !different;
}

bool seg_bits_equal(
    const uint8_t *bits, size_t first_bit, size_t count, uint16_t number, const uint16_t *map) {
    size_t i = 0;
    while (i < count) {
        size_t at = first_bit + i;
        if (at % 8 == 0 && i + BLOCK <= count) {
            if (!block_equal(bits + at / 8, number, map + i))
                return false;
            i += BLOCK;
        } else {
            if (bit_at(bits, at) != (map[i] == number))
                return false;
            i++;
        }
    }
    return true;
}

void seg_bits_close_up(uint8_t *bits, size_t frames, size_t frame_bits) {
    size_t frame_bytes = (frame_bits + 7) / 8;
    for (size_t f = 1; f < frames; f++)
        for (size_t i = 0; i < frame_bits; i++) { /* to lower places: nothing unread is lost */
            size_t to = f * frame_bits + i;
            uint8_t mask = (uint8_t)(1u << to % 8);
            bits[to / 8] = (uint8_t)(bits[to / 8] & ~mask);
            if (bit_at(bits, f * frame_bytes * 8 + i))
                bits[to / 8] |= mask;
        }
}

bool seg_bits_zero(const uint8_t *bits, size_t first_bit, size_t count) {
    size_t at = first_bit, past = first_bit + count;
    for (; at < past && at % 8 != 0; at++)
        if (bit_at(bits, at))
            return false;
    for (; at + 8 * BLOCK <= past; at += 8 * BLOCK) {
        uint8_t any = 0;
        for (size_t i = 0; i < BLOCK; i++)
            any |= bits[at / 8 + i];
        if (any)
            return false;
    }
    for (; at < past; at++)
        if (bit_at(bits, at))
            return false;
    return true;
}

size_t seg_bits_count(const uint8_t *bits, size_t bytes) {
    size_t count = 0, i = 0;
    for (uint64_t word; i + sizeof word <= bytes; i += sizeof word) {
        memcpy(&word, bits + i, sizeof word);
        count += (size_t)__builtin_popcountll(word);
    }
    for (; i < bytes; i++)
        count += (size_t)__builtin_popcount(bits[i]);
    return count;
}

static size_t unpack_byte(uint8_t byte, uint16_t number, uint16_t map[8]) {
    size_t taken = 0;
    uint16_t mask[8];
    for (size_t i = 0; i < 8; i++)
        mask[i] = (uint16_t)(0 - (byte >> i & 1));
    for (size_t i = 0; i < 8; i++)
        taken += ((map[i] & mask[i]) != 0) & (map[i] != number);
    for (size_t i = 0; i < 8; i++)
        map[i] = (uint16_t)((map[i] & ~mask[i]) | (number & mask[i]));
    return taken;
}

size_t seg_bits_unpack(
    const uint8_t *bits, size_t first_bit, size_t count, uint16_t number, uint16_t *map) {
    size_t taken = 0, i = 0;
    while (i < count) {
        size_t at = first_bit + i;
        if (at % 8 == 0 && i + 8 <= count) {
            if (bits[at / 8])
                taken += unpack_byte(bits[at / 8], number, map + i);
            i += 8;
        } else {
            if (bit_at(bits, at)) {
                taken += map[i] != 0 && map[i] != number;
                map[i] = number;
            }
            i++;
        }
    }
    return taken;
}

void seg_bits_unpack_bytes(
    const uint8_t *bits, size_t first_bit, size_t count, uint8_t value, uint8_t *bytes) {
    for (size_t i = 0; i < count; i++)
        if (bit_at(bits, first_bit + i))
            bytes[i] = value;
}

/* Whether all labels of a block are number. */
static bool block_is(const uint16_t *map, uint16_t number) {
    uint16_t different = 0;
    for (size_t i = 0; i < BLOCK; i++)
        different |= map[i] ^ number;
    return !different;
}

void seg_bits_present(const uint16_t *map, size_t count, bool present[65536]) {
    size_t i = 0;
    for (; i + BLOCK <= count; i += BLOCK) {
        present[map[i]] = true;
        if (!block_is(map + i, map[i])) /* runs are long: few blocks hold two labels */
            for (size_t j = 1; j < BLOCK; j++)
                present[map[i + j]] = true;
    }
    for (; i < count; i++)
        present[map[i]] = true;
}

/* Notes that number occurs in a row; rows come in rising order. */
static void note_row(uint16_t number, size_t row, uint16_t *first, uint16_t *past) {
    if (!past[number])
        first[number] = (uint16_t)row;
    past[number] = (uint16_t)(row + 1);
}

void seg_bits_rows(
    const uint16_t *map, size_t columns, size_t rows, uint16_t first[65536], uint16_t past[65536]) {
    for (size_t row = 0; row < rows; row++, map += columns) {
        uint16_t current = map[0];
        note_row(current, row, first, past);
        for (size_t i = 1; i < columns;) {
            if (i + BLOCK <= columns && block_is(map + i, current)) {
                i += BLOCK; /* runs are long */
                continue;
            }
            size_t end = i + BLOCK < columns ? i + BLOCK : columns;
            for (; i < end; i++)
                if (map[i] != current)
                    note_row(current = map[i], row, first, past);
        }
    }
}
