#include "io/base/uid.h"

#include <stdio.h>
#include <string.h>

/* "2.25." and the 128-bit number in decimal. */
static void format_uuid(const uint8_t uuid[16], char uid[UID_BYTES]) {
    uint8_t number[16];
    memcpy(number, uuid, sizeof number);
    char digits[40]; /* 2^128 has 39 digits */
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    bool zero = false;
    while (!zero) {
        unsigned remainder = 0;
        zero = true;
        for (int i = 0; i < 16; i++) {
            unsigned value = remainder << 8 | number[i];
            number[i] = (uint8_t)(value / 10);
            remainder = value % 10;
            zero = zero && number[i] == 0;
        }
        digits[--at] = (char)('0' + remainder);
    }
    snprintf(uid, UID_BYTES, "2.25.%s", digits + at);
}

static void mark_uuid(uint8_t uuid[16], unsigned version) {
    uuid[6] = (uint8_t)((uuid[6] & 0x0F) | version << 4);
    uuid[8] = (uint8_t)((uuid[8] & 0x3F) | 0x80);
}

void uid_from_digest(const uint8_t digest[32], char uid[UID_BYTES]) {
    uint8_t uuid[16];
    memcpy(uuid, digest, sizeof uuid);
    mark_uuid(uuid, 8);
    format_uuid(uuid, uid);
}

ul_status uid_random(char uid[UID_BYTES], ul_error *error) {
    uint8_t uuid[16];
    FILE *source = fopen("/dev/urandom", "rb");
    bool read = source && fread(uuid, 1, sizeof uuid, source) == sizeof uuid;
    if (source)
        fclose(source);
    if (!read) {
        uid[0] = '\0';
        return ul_error_set(error, UL_ERROR_INTERNAL, "no random bytes for a UID");
    }
    mark_uuid(uuid, 4);
    format_uuid(uuid, uid);
    return UL_OK;
}

bool uid_usable(const char *uid) {
    size_t length = strlen(uid);
    return length > 0 && length <= 64 && strspn(uid, "0123456789.") == length && uid[0] != '.' &&
           uid[length - 1] != '.' && !strstr(uid, "..");
}
