/* UTF-8 texts cut to what holds them. */
#ifndef ULITE_UTF8_H
#define ULITE_UTF8_H

#include "ulite/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copies source cut to at most characters and size_bytes - 1 bytes, never inside a character. An
 * invalid source is taken as Latin-1. Control characters and backslashes, which end a DICOM value,
 * become spaces. */
UL_API void ul_utf8_clip(char *target, size_t size_bytes, size_t characters, const char *source);

#ifdef __cplusplus
}
#endif
#endif
