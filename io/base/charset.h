/* DICOM character sets to UTF-8. DCMTK leaves the ISO 2022 ones of Japan, Korea and China to a
 * library that Debian builds it without. */
#ifndef CHARSET_H
#define CHARSET_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Converts a value under SpecificCharacterSet as it stands in the file ("\\ISO 2022 IR 87"). False,
 * and utf8 a plain copy cut to size_bytes - 1, where the set is not known, the bytes are none of it
 * or size_bytes do not hold it. */
bool charset_to_utf8(const char *charset, const char *value, char *utf8, size_t size_bytes);

#ifdef __cplusplus
}
#endif
#endif
