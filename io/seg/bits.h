/* Frames of one bit per pixel, packed without gaps from frame to frame: least significant bit
 * first, a frame may start inside a byte (PS3.5 8.1.1). */
#pragma once

#include "ulite/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

UL_BEGIN_C

/* Sets the bits from first_bit on where map[0..count) equals number; bits must be zero before. */
void seg_bits_pack(
    const uint16_t *map, size_t count, uint16_t number, uint8_t *bits, size_t first_bit);

/* Whether exactly the bits from first_bit on are set where map[0..count) equals number. */
bool seg_bits_equal(
    const uint8_t *bits, size_t first_bit, size_t count, uint16_t number, const uint16_t *map);

/* Puts number into map where a bit is set. Returns how many of those held another number, but
 * 0, before, that is, belong to two segments. */
size_t seg_bits_unpack(
    const uint8_t *bits, size_t first_bit, size_t count, uint16_t number, uint16_t *map);

/* Puts value into bytes where a bit is set. */
void seg_bits_unpack_bytes(
    const uint8_t *bits, size_t first_bit, size_t count, uint8_t value, uint8_t *bytes);

/* Whether all of the bits are 0. */
bool seg_bits_zero(const uint8_t *bits, size_t first_bit, size_t count);

/* How many bits of whole bytes are 1. */
size_t seg_bits_count(const uint8_t *bits, size_t bytes);

/* The rows of map[rows][columns] that each number occurs in: first[number] to past[number] - 1;
 * past[number] is 0 where there is none, as it must be before. At most 65535 rows. */
void seg_bits_rows(
    const uint16_t *map, size_t columns, size_t rows, uint16_t first[65536], uint16_t past[65536]);

/* Moves frames of so many bits, each of which begins with a byte of its own, together, without
 * gaps.
 */
void seg_bits_close_up(uint8_t *bits, size_t frames, size_t frame_bits);

/* The segment numbers of map[0..count) as flags: present[number] = true where it occurs. */
void seg_bits_present(const uint16_t *map, size_t count, bool present[65536]);

UL_END_C
