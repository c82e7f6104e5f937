/* UTF-8 texts as DICOM and JSON hand them over. */
#ifndef UTF8_H
#define UTF8_H

#include "ulite/utf8.h"

#ifdef __cplusplus
extern "C" {
#endif

bool utf8_valid(const char *text);
size_t utf8_length(const char *text); /* characters of a valid text */

#ifdef __cplusplus
}
#endif
#endif
