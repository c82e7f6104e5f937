/* The attributes of a DICOM data set or sequence item, by tag: C over DCMTK. An item belongs to the
 * dicom_header that it was read with, and is used by one thread at a time. */
#pragma once

#include "ulite/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

UL_BEGIN_C

#define DICOM_TAG(group, element) (((uint32_t)(group) << 16) | (element))

typedef struct dicom_item dicom_item; /* a DcmItem */

bool dicom_has(const dicom_item *item, uint32_t tag);

/* The tag of an element of a private block, found by the block's creator; 0 where there is no such
 * block. */
uint32_t dicom_private_tag(
    const dicom_item *item, uint16_t group, const char *creator, uint8_t element);

/* Values; false where the element is missing, empty or malformed, or where there are fewer values
 * than count. A text is the whole value without the spaces around it, as it is encoded, cut to
 * text_bytes - 1; "" where false. Decimals come from any text or binary number. */
bool dicom_text(const dicom_item *item, uint32_t tag, char *text, size_t text_bytes);
/* Likewise of a code string (CS): what is not printable ASCII comes as '?'. */
bool dicom_code_text(const dicom_item *item, uint32_t tag, char *text, size_t text_bytes);
bool dicom_decimals(const dicom_item *item, uint32_t tag, double *values, size_t count);
bool dicom_integer(const dicom_item *item, uint32_t tag, long *value);

/* Whether an element holds something that dicom_decimals cannot take count values from: none that
 * is missing or empty. */
bool dicom_malformed(const dicom_item *item, uint32_t tag, size_t count);

/* A text converted from the data set's SpecificCharacterSet to UTF-8; bytes that are none of it are
 * left as they are. */
bool dicom_text_utf8(const dicom_item *data, uint32_t tag, char *text, size_t text_bytes);

/* The bytes of a value that is neither text nor a sequence, words in the machine's order. They
 * belong to the item. */
bool dicom_bytes(const dicom_item *item, uint32_t tag, const uint8_t **bytes, size_t *size);

/* Walks a sequence:
 *     for (const dicom_item *i = dicom_first_item(data, tag); i; i = dicom_next_item(data, tag, i))
 */
const dicom_item *dicom_first_item(const dicom_item *item, uint32_t sequence);
const dicom_item *dicom_next_item(
    const dicom_item *item, uint32_t sequence, const dicom_item *previous);

UL_END_C
