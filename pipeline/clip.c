#include "clip.h"

#include <stdbool.h>
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

void clip_text(char *target, size_t size_bytes, size_t characters, const char *text) {
    size_t used = 0;
    for (; *text && characters > 0; characters--) {
        size_t bytes = character_bytes((const unsigned char *)text), room = bytes ? bytes : 1;
        if (used + room >= size_bytes)
            break;
        memcpy(target + used, bytes ? text : "?", room);
        used += room;
        text += room;
    }
    target[used] = '\0';
}
