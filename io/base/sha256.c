#include "io/base/sha256.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

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
