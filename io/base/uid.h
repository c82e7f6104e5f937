/* DICOM UIDs under 2.25, the root for UUIDs (PS3.5 B.2). */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

UL_BEGIN_C

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

UL_END_C
