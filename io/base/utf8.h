/* UTF-8 texts as DICOM and JSON hand them over. */
#ifndef UTF8_H
#define UTF8_H

#include "ulite/error.h"

#ifdef __cplusplus
extern "C" {
#endif

bool utf8_valid(const char *text);
size_t utf8_length(const char *text); /* characters of a valid text */

/* Copies source cut to at most characters and size_bytes - 1 bytes, never inside a character. An
 * invalid source is taken as Latin-1. Control characters and backslashes, which end a DICOM value,
 * become spaces. */
void ul_utf8_clip(char *target, size_t size_bytes, size_t characters, const char *source);

#ifdef __cplusplus
}
#endif
#endif
