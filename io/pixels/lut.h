/* Lookup tables: of a modality, and the three of a palette. */
#pragma once

#include "io/dicom/item.h"
#include "ulite/error.h"

typedef struct dicom_lut {
    size_t count;
    long first; /* the stored value that entry 0 stands for; what lies outside takes the end entries
                 */
    unsigned bits;
    uint16_t *values; /* [count], malloc'd; NULL: no table */
} dicom_lut;

/* The item of a data set's ModalityLUTSequence that holds a table; NULL where there is none, or
 * where all of it is empty. */
const dicom_item *dicom_modality_table(const dicom_item *data);

/* Reads the table of a ModalityLUTSequence item. signed_first: stored values are signed. Errors
 * (UL_ERROR_INPUT, UL_ERROR_LIMIT) do not name the file. */
ul_status dicom_read_lut(
    const dicom_item *item, bool signed_first, dicom_lut *lut, ul_error *error);

/* Reads one colour (0 red, 1 green, 2 blue) of a palette, plain or segmented. */
ul_status dicom_read_palette(
    const dicom_item *data, uint16_t color, bool signed_first, dicom_lut *lut, ul_error *error);

uint16_t dicom_look_up(const dicom_lut *lut, double value);
