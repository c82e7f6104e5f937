/* SHA-256 (FIPS 180-4), to name files and models by their content. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

UL_BEGIN_C

/* A running digest; may be copied. */
typedef struct ul_sha256 {
    uint64_t state[16]; /* room for the library's */
} ul_sha256;

void ul_sha256_init(ul_sha256 *sha);
void ul_sha256_update(ul_sha256 *sha, const void *data, size_t size);
void ul_sha256_final(ul_sha256 *sha, uint8_t digest[32]);

/* 64 lower-case hexadecimal digits and a NUL. */
void ul_sha256_hex(const uint8_t digest[32], char hex[65]);

#define UL_SHA256_NAME_BYTES 33

/* The first 32 digits of the hash of a text of a kind: what it is called where it must not be read.
 */
void ul_sha256_name(const char *kind, const char *text, char name[UL_SHA256_NAME_BYTES]);

/* The digest of a whole file as hexadecimal digits. Errors: UL_ERROR_INPUT (cannot be read). */
ul_status ul_sha256_file(const char *path, char hex[65], ul_error *error);

UL_END_C
