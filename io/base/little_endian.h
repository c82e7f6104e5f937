/* Numbers in bytes, the least significant first. */
#pragma once

#include <stdint.h>

static inline uint16_t little_u16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t little_u32(const uint8_t *bytes) {
    return little_u16(bytes) | (uint32_t)little_u16(bytes + 2) << 16;
}
