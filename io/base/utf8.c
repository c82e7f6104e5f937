#include "io/base/utf8.h"

#include <iconv.h>
#include <stdio.h>
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

#define ESCAPE '\x1b'

/* The part of a term after "ISO_IR " or "ISO 2022 IR ", and iconv's name. */
static const struct {
    const char *term, *name;
} charsets[] = {
    {"6", "ASCII"},
    {"100", "ISO-8859-1"},
    {"101", "ISO-8859-2"},
    {"109", "ISO-8859-3"},
    {"110", "ISO-8859-4"},
    {"144", "ISO-8859-5"},
    {"127", "ISO-8859-6"},
    {"126", "ISO-8859-7"},
    {"138", "ISO-8859-8"},
    {"148", "ISO-8859-9"},
    {"203", "ISO-8859-15"},
    {"166", "TIS-620"},
    {"13", "ISO-2022-JP-2"},
    {"87", "ISO-2022-JP-2"},
    {"159", "ISO-2022-JP-2"},
    {"149", "EUC-KR"},
    {"58", "EUC-CN"},
    {"192", "UTF-8"},
    {"GBK", "GBK"},
    {"GB18030", "GB18030"},
};

/* iconv's name for the last set of a list that is not plain ASCII: extensions come last. */
static const char *find_name(const char *list) {
    const char *name = NULL;
    while (*list) {
        size_t length = strcspn(list, "\\");
        char term[32];
        snprintf(term, sizeof term, "%.*s", (int)length, list);
        for (size_t end = strlen(term); end > 0 && term[end - 1] == ' ';)
            term[--end] = '\0';
        const char *number = strrchr(term, ' ');
        number = number ? number + 1 : term;
        for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++)
            if (strcmp(number, charsets[i].term) == 0)
                name = charsets[i].name;
        list += length + (list[length] == '\\');
    }
    return name;
}

/* Copies a value without the escapes that iconv's set does not know: those that load a set into G1,
 * which then holds the bytes above 127 anyway. */
static void drop_escapes(const char *value, bool japanese, char *plain, size_t size_bytes) {
    size_t used = 0;
    while (*value && used + 4 < size_bytes) {
        const unsigned char *at = (const unsigned char *)value;
        bool loads_g1 =
            at[0] == ESCAPE && (at[1] == ')' || at[1] == '-' || (at[1] == '$' && at[2] == ')'));
        if (loads_g1 || (at[0] == ESCAPE && !japanese)) {
            size_t skip = at[1] == '$' ? 4 : 3;
            while (skip-- > 0 && *value)
                value++;
        } else if (japanese && at[0] >= 0xA1 && at[0] <= 0xDF) {
            /* a half-width katakana of JIS X 0201, which ISO-2022-JP-2 lacks: the full-width one */
            static const char row[] =
                "!#!V!W!\"!&%r%!%#%%%'%)%c%e%g%C!<%\"%$%&%(%*%+%-%/%1%3%5%7%9%;"
                "%=%?%A%D%F%H%J%K%L%M%N%O%R%U%X%[%^%_%`%a%b%d%f%h%i%j%k%l%m%o"
                "%s!+!,";
            if (used + 9 >= size_bytes)
                break;
            used += (size_t)snprintf(
                plain + used, size_bytes - used, "\x1b$B%.2s\x1b(B", row + 2 * (at[0] - 0xA1));
            value++;
        } else {
            plain[used++] = *value++;
        }
    }
    plain[used] = '\0';
}

bool charset_to_utf8(const char *charset, const char *value, char *utf8, size_t size_bytes) {
    snprintf(utf8, size_bytes, "%s", value);
    bool plain_ascii = true;
    for (const char *at = value; *at; at++)
        plain_ascii = plain_ascii && (signed char)*at > 0 && *at != ESCAPE;
    if (plain_ascii)
        return true;
    const char *name = find_name(charset);
    iconv_t converter = name ? iconv_open("UTF-8", name) : (iconv_t)-1;
    if (converter == (iconv_t)-1)
        return false;
    char plain[4096];
    drop_escapes(value, strcmp(name, "ISO-2022-JP-2") == 0, plain, sizeof plain);
    char *from = plain, *to = utf8;
    size_t left = strlen(plain), room = size_bytes - 1;
    bool converted = iconv(converter, &from, &left, &to, &room) != (size_t)-1;
    iconv_close(converter);
    if (converted)
        *to = '\0';
    else
        snprintf(utf8, size_bytes, "%s", value);
    return converted;
}
