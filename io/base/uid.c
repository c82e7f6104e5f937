#include "io/base/uid.h"

#include <errno.h>
#include <nettle/sha2.h>
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

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(ul_sha256), "ul_sha256 holds nettle's state");

static struct sha256_ctx *context(ul_sha256 *sha) {
    return (struct sha256_ctx *)sha;
}

void ul_sha256_init(ul_sha256 *sha) {
    memset(sha, 0, sizeof *sha);
    sha256_init(context(sha));
}

void ul_sha256_update(ul_sha256 *sha, const void *data, size_t size) {
    sha256_update(context(sha), size, data);
}

void ul_sha256_final(ul_sha256 *sha, uint8_t digest[32]) {
    sha256_digest(context(sha), SHA256_DIGEST_SIZE, digest);
}

void ul_sha256_hex(const uint8_t digest[32], char hex[65]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = 0;
}

ul_status ul_sha256_file(const char *path, char hex[65], ul_error *error) {
    hex[0] = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return ul_error_set(
            error, UL_ERROR_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    ul_sha256 sha;
    ul_sha256_init(&sha);
    uint8_t buffer[16384];
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
        ul_sha256_update(&sha, buffer, got);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed)
        return ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be read", path);
    uint8_t digest[32];
    ul_sha256_final(&sha, digest);
    ul_sha256_hex(digest, hex);
    return UL_OK;
}

void ul_sha256_name(const char *kind, const char *text, char name[UL_SHA256_NAME_BYTES]) {
    ul_sha256 sha;
    uint8_t digest[32];
    char hex[65];
    ul_sha256_init(&sha);
    ul_sha256_update(&sha, kind, strlen(kind) + 1);
    ul_sha256_update(&sha, text, strlen(text));
    ul_sha256_final(&sha, digest);
    ul_sha256_hex(digest, hex);
    memcpy(name, hex, UL_SHA256_NAME_BYTES - 1);
    name[UL_SHA256_NAME_BYTES - 1] = '\0';
}
