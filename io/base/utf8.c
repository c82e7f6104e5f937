#include "io/base/utf8.h"

#include <string.h>

/* Bytes of the character that starts at text, 0 where it is malformed (overlong, a surrogate, above
 * U+10FFFF or cut). */
static size_t character_bytes(const unsigned char *text) {
    if (text[0] < 0x80)
        return 1;
    size_t bytes = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
    if (text[0] < 0xC2 || text[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < bytes; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    bool malformed = (text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F) ||
                     (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F);
    return malformed ? 0 : bytes;
}

bool utf8_valid(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        size_t bytes = character_bytes(at);
        if (bytes == 0)
            return false;
        at += bytes;
    }
    return true;
}

size_t utf8_length(const char *text) {
    size_t length = 0;
    for (; *text; text++)
        length += ((unsigned char)*text & 0xC0) != 0x80;
    return length;
}

void ul_utf8_clip(char *target, size_t size_bytes, size_t characters, const char *source) {
    const unsigned char *at = (const unsigned char *)source;
    bool latin1 = !utf8_valid(source);
    size_t used = 0;
    while (*at && characters-- > 0) {
        unsigned char bytes[4];
        size_t count = latin1 ? 1 : character_bytes(at);
        memcpy(bytes, at, count);
        at += count;
        if (count == 1 && (bytes[0] < 0x20 || bytes[0] == 0x7F || bytes[0] == '\\'))
            bytes[0] = ' ';
        if (count == 1 && bytes[0] >= 0x80) {
            bytes[1] = (unsigned char)(0x80 | (bytes[0] & 0x3F));
            bytes[0] = (unsigned char)(0xC0 | (bytes[0] >> 6));
            count = 2;
        }
        if (used + count >= size_bytes)
            break;
        memcpy(target + used, bytes, count);
        used += count;
    }
    target[used] = '\0';
}
