/* DICOM UIDs under 2.25, the root for UUIDs (PS3.5 B.2). */
#ifndef UID_H
#define UID_H

#include "ulite/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UID_BYTES 65

/* The UID of a UUID of version 8 (a hash of the maker's choice) made of the digest's first bytes.
 */
void uid_from_digest(const uint8_t digest[32], char uid[UID_BYTES]);

/* The UID of a random UUID. Errors: UL_ERROR_INTERNAL where the system hands out no random bytes.
 */
ul_status uid_random(char uid[UID_BYTES], ul_error *error);

/* Digits and dots, at most 64, as a reference can hold; leading zeros in a component, which
 * scanners do write, are let through: the UID is the identity of an object whatever it looks like.
 */
bool uid_usable(const char *uid);

/* SHA-256 (FIPS 180-4), to name files and models by their content. */

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

#ifdef __cplusplus
}
#endif
#endif
