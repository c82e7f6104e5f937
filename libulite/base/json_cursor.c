#include "libulite/base/json_cursor.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool fail(ul_json *json, const char *expected) {
    if (!json->fault)
        json->fault = expected;
    return false;
}

static void skip_space(ul_json *json) {
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
        json->at++;
}

static bool ul_json_peek(ul_json *json, char punctuation) {
    if (json->fault)
        return false;
    skip_space(json);
    return json->at < json->end && *json->at == punctuation;
}

bool ul_json_take(ul_json *json, char punctuation) {
    if (!ul_json_peek(json, punctuation)) {
        switch (punctuation) {
        case '{':
            return fail(json, "{");
        case '[':
            return fail(json, "[");
        case ':':
            return fail(json, ":");
        case ',':
            return fail(json, "a comma or a closing bracket");
        default:
            return fail(json, "other punctuation");
        }
    }
    json->at++;
    return true;
}

bool ul_json_end(ul_json *json) {
    skip_space(json);
    return json->at == json->end || fail(json, "the end of the header");
}

bool ul_json_next(ul_json *json, char closing, bool *first) {
    if (ul_json_peek(json, closing)) {
        json->at++;
        return false;
    }
    if (!*first && !ul_json_take(json, ','))
        return false;
    *first = false;
    return !json->fault;
}

bool ul_json_size(ul_json *json, size_t *value) {
    if (json->fault)
        return false;
    skip_space(json);
    const char *at = json->at;
    size_t number = 0;
    for (; at < json->end && *at >= '0' && *at <= '9'; at++) {
        size_t digit = (size_t)(*at - '0');
        if (number > (SIZE_MAX - digit) / 10)
            return fail(json, "an integer below 2^64");
        number = number * 10 + digit;
    }
    bool leading_zero = at - json->at > 1 && *json->at == '0';
    bool fraction = at < json->end && (*at == '.' || *at == 'e' || *at == 'E');
    if (at == json->at || leading_zero || fraction)
        return fail(json, "an unsigned integer");
    json->at = at;
    *value = number;
    return true;
}

/* The four digits of a \u escape, or -1. */
static int32_t hex4(ul_json *json) {
    if (json->end - json->at < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = *json->at++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* A \u escape, with its second half where it is a surrogate pair; -1 if it is none. */
static int32_t code_point(ul_json *json) {
    int32_t code = hex4(json);
    if (code < 0xD800 || code > 0xDFFF)
        return code;
    if (code > 0xDBFF || json->end - json->at < 6 || json->at[0] != '\\' || json->at[1] != 'u')
        return -1;
    json->at += 2;
    int32_t low = hex4(json);
    if (low < 0xDC00 || low > 0xDFFF)
        return -1;
    return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

static char *put_utf8(char *out, int32_t code) {
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *out++ = (char)(0xE0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (char)(0x80 | (code & 0x3F));
    } else {
        *out++ = (char)(0xF0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3F));
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (char)(0x80 | (code & 0x3F));
    }
    return out;
}

/* The length of the well-formed UTF-8 sequence at `at` (1 to 4 bytes), or 0. */
static size_t utf8_length(const char *at, const char *end) {
    const unsigned char *s = (const unsigned char *)at;
    size_t left = (size_t)(end - at);
    size_t length = s[0] < 0x80   ? 1
                    : s[0] < 0xC2 ? 0
                    : s[0] < 0xE0 ? 2
                    : s[0] < 0xF0 ? 3
                    : s[0] < 0xF5 ? 4
                                  : 0;
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xED && s[1] > 0x9F;
    bool beyond = s[0] == 0xF4 && s[1] > 0x8F;
    return overlong || surrogate || beyond ? 0 : length;
}

bool ul_utf8_valid(const char *string) {
    const char *end = string + strlen(string);
    size_t length = 1;
    for (; string < end && length; string += length)
        length = utf8_length(string, end);
    return length != 0;
}

/* The escape after a backslash; NULL if it is none. */
static char *put_escape(ul_json *json, char *out) {
    if (json->at == json->end)
        return NULL;
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char c = *json->at++;
    if (c == 'u') {
        int32_t code = code_point(json);
        return code > 0 ? put_utf8(out, code) : NULL;
    }
    const char *found = c ? strchr(escapes, c) : NULL;
    if (!found)
        return NULL;
    *out++ = meanings[found - escapes];
    return out;
}

bool ul_json_string(ul_json *json, const char **value) {
    if (json->fault)
        return false;
    skip_space(json);
    if (json->at == json->end || *json->at != '"')
        return fail(json, "a string");
    json->at++;
    char *out = json->text;
    while (json->at < json->end && *json->at != '"') {
        if (*json->at == '\\') {
            const char *escape = json->at++;
            out = put_escape(json, out);
            if (!out) {
                json->at = escape;
                return fail(json, "a valid escape");
            }
            continue;
        }
        size_t length = utf8_length(json->at, json->end);
        if (length == 0 || (unsigned char)*json->at < 0x20)
            return fail(json, "UTF-8 without control characters");
        memcpy(out, json->at, length);
        out += length;
        json->at += length;
    }
    if (json->at == json->end)
        return fail(json, "the end of a string");
    json->at++;
    *out++ = '\0';
    *value = json->text;
    json->text = out;
    return true;
}

/* The length of what stands at `at`: a string, a word or number, or one character. */
static size_t token_length(const char *at, const char *end) {
    const char *from = at;
    if (*at == '"') {
        for (at++; at < end && *at != '"'; at++)
            if (*at == '\\' && at + 1 < end)
                at++;
        return (size_t)(at - from) + (at < end);
    }
    while (at < end && !strchr("{}[],:\" \t\r\n", *at))
        at++;
    return at > from ? (size_t)(at - from) : 1;
}

const char *ul_json_found(const ul_json *json, char text[UL_JSON_FOUND_BYTES]) {
    enum { MOST = 24 };
    if (json->at == json->end) {
        snprintf(text, UL_JSON_FOUND_BYTES, "nothing more");
        return text;
    }
    size_t length = token_length(json->at, json->end), shown = length < MOST ? length : MOST;
    size_t used = 0;
    text[used++] = '\'';
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)json->at[i];
        bool plain = c >= 0x20 && c < 0x7F;
        used +=
            (size_t)snprintf(text + used, UL_JSON_FOUND_BYTES - used, plain ? "%c" : "\\x%02x", c);
    }
    snprintf(text + used, UL_JSON_FOUND_BYTES - used, shown < length ? "...'" : "'");
    return text;
}
