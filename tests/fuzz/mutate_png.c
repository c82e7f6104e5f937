/* Chunks of PNG files keep their checksums, pixels their zlib stream. */
#include "mutate.h"

#include <string.h>
#include <zlib.h>

enum { SIGNATURE_BYTES = 8, HEAD_BYTES = 8, CRC_BYTES = 4 };

static size_t big_u32(const uint8_t *bytes) {
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

static void put_u32(uint8_t *bytes, size_t value) {
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Start of the chunk that pick chooses, 0 where there is none that is whole. */
static size_t choose_chunk(const uint8_t *data, size_t size, unsigned pick) {
    size_t starts[16], count = 0, at = SIGNATURE_BYTES;
    while (count < 16 && at + HEAD_BYTES + CRC_BYTES <= size) {
        size_t length = big_u32(data + at);
        if (length > size - at - HEAD_BYTES - CRC_BYTES)
            break;
        starts[count++] = at;
        at += HEAD_BYTES + length + CRC_BYTES;
    }
    return count ? starts[pick % count] : 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
    static uint8_t content[MUTATE_MAX_BYTES];
    static const int zlib = 15;
    size_t start = seed % 8 ? choose_chunk(data, size, seed / 8) : 0;
    if (!start)
        return LLVMFuzzerMutate(data, size, max_size);
    size_t length = big_u32(data + start), end = start + HEAD_BYTES + length + CRC_BYTES;
    size_t room = max_size - size + length; /* size <= max_size */
    if (length > MUTATE_MAX_BYTES)
        return LLVMFuzzerMutate(data, size, max_size);
    room = room < MUTATE_MAX_BYTES ? room : MUTATE_MAX_BYTES;
    memcpy(content, data + start + HEAD_BYTES, length);
    size_t changed = 0;
    if (memcmp(data + start + 4, "IDAT", 4) == 0)
        changed = mutate_stream(content, length, room, zlib);
    if (!changed)
        changed = room ? LLVMFuzzerMutate(content, length, room) : 0;
    memmove(data + start + HEAD_BYTES + changed + CRC_BYTES, data + end, size - end);
    memcpy(data + start + HEAD_BYTES, content, changed);
    put_u32(data + start, changed);
    put_u32(data + start + HEAD_BYTES + changed, crc32(0, data + start + 4, (uInt)(changed + 4)));
    return size - length + changed;
}
