/* The elements of a DICOM data set in memory.
 *
 * Headers are read here rather than by DCMTK because a scan of thousands of files must touch little
 * more than their headers, must know where in the file the pixels lie, and must say in one line
 * what is wrong with a broken file. */
#ifndef DICOM_PARSE_H
#define DICOM_PARSE_H

#include "ulite/status.h"

#include <stdint.h>

#define DICOM_TAG(group, element) (((uint32_t)(group) << 16) | (element))
#define DICOM_UNDEFINED UINT32_MAX /* a length that a delimiter ends */

typedef struct dicom_element {
    uint32_t tag;
    char vr[3];      /* "" in implicit data sets */
    size_t offset;   /* of the value */
    uint32_t length; /* DICOM_UNDEFINED where a delimiter ends it */
    size_t extent;   /* bytes from offset to the end, delimiters included */
} dicom_element;

/* A view: bytes belong to the caller and outlive it. */
typedef struct dicom_dataset {
    const uint8_t *bytes;
    size_t size;
    bool explicit_vr, big_endian;
    bool item; /* of a sequence: ends at its delimiter, pixel data is nothing special */
    dicom_element *elements; /* in file order, owned */
    size_t count, capacity;
} dicom_dataset;

/* What parsing came to. */
typedef enum dicom_outcome {
    DICOM_PARSED,
    DICOM_NEEDS_MORE, /* the bytes end inside an element: *needed is how many there should be */
    DICOM_BROKEN      /* not a data set from *at on */
} dicom_outcome;

/* Parses elements from offset up to size or to the pixel data (any of (7FE0,0008) to (7FE0,0010)),
 * whose element comes last and whose value need not be in memory. stop_group ends the parse before
 * the first element of a later group (the meta header: 2; 0xffff: none). *at is where it ended.
 * dataset->bytes, size, explicit_vr and big_endian are set by the caller. */
dicom_outcome dicom_parse(
    dicom_dataset *dataset, size_t offset, unsigned stop_group, size_t *at, size_t *needed);
void dicom_dataset_free(dicom_dataset *dataset);

const dicom_element *dicom_find(const dicom_dataset *dataset, uint32_t tag);

/* An element of a private block, found by its creator. */
const dicom_element *dicom_find_private(
    const dicom_dataset *dataset, unsigned group, const char *creator, unsigned element);

/* Walks the items of a sequence (NULL: of none):
 *     dicom_items items = dicom_items_of(dataset, sequence);
 *     for (dicom_dataset item; dicom_next_item(&items, &item); dicom_dataset_free(&item)) */
typedef struct dicom_items {
    const uint8_t *bytes;
    size_t at, end;
    bool explicit_vr, big_endian;
} dicom_items;
dicom_items dicom_items_of(const dicom_dataset *dataset, const dicom_element *sequence);
bool dicom_next_item(dicom_items *items, dicom_dataset *item);

/* The first item of the sequence under tag; false where there is none. */
bool dicom_first_item(const dicom_dataset *dataset, uint32_t tag, dicom_dataset *item);

/* Values; false (and *value, text untouched or "") where the element is missing, empty or
 * malformed. */
bool dicom_text(const dicom_dataset *dataset, uint32_t tag, char *text, size_t text_bytes);
bool dicom_decimals(const dicom_dataset *dataset, uint32_t tag, double *values, size_t count);
bool dicom_integer(
    const dicom_dataset *dataset, uint32_t tag, long *value); /* IS, US, SS, UL, SL */

/* The same for an element at hand. Decimals come from DS, IS, FD, FL, US, SS, UL and SL. */
bool dicom_element_decimals(
    const dicom_dataset *dataset, const dicom_element *element, double *values, size_t count);

uint16_t dicom_u16(const uint8_t *bytes, bool big_endian);
uint32_t dicom_u32(const uint8_t *bytes, bool big_endian);

#endif
