/* UTF-8 texts as DICOM and JSON hand them over. */
#pragma once

#include "ulite/error.h"

#include <stdbool.h>
#include <stddef.h>

UL_BEGIN_C

bool utf8_valid(const char *text);
size_t utf8_length(const char *text); /* characters of a valid text */

/* Copies source cut to at most characters and size_bytes - 1 bytes, never inside a character. An
 * invalid source is taken as Latin-1. Control characters and backslashes, which end a DICOM value,
 * become spaces. */
void ul_utf8_clip(char *target, size_t size_bytes, size_t characters, const char *source);

/* DICOM character sets to UTF-8. DCMTK leaves the ISO 2022 ones of Japan, Korea and China to a
 * library that Debian builds it without. */

/* Converts a value under SpecificCharacterSet as it stands in the file ("\\ISO 2022 IR 87"). False,
 * and utf8 a plain copy cut to size_bytes - 1, where the set is not known, the bytes are none of it
 * or size_bytes do not hold it. */
bool charset_to_utf8(const char *charset, const char *value, char *utf8, size_t size_bytes);

UL_END_C
